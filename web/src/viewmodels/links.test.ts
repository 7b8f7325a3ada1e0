import { describe, expect, test } from "vitest";
import { called, matrixLink, mayLink, ownLink, readLink } from "./links";

const HERE = "https://chappe.example";
const read = (href: string) => readLink(href, HERE);

describe("links to messages and rooms", () => {
  test.each([
    ["https://matrix.to/#/!a:here.example/$event", { room: "!a:here.example", event: "$event", via: [] }],
    [
      "https://matrix.to/#/%21a%3Ahere.example/%24event?via=one.example&via=two.example:8448",
      { room: "!a:here.example", event: "$event", via: ["one.example", "two.example:8448"] },
    ],
    ["https://matrix.to/#/#salon:here.example", { room: "#salon:here.example", event: null, via: [] }],
    ["https://matrix.to/#/%23salon%3Ahere.example/$event", { room: "#salon:here.example", event: "$event", via: [] }],
    [
      "matrix:roomid/a:here.example/e/event?via=one.example",
      { room: "!a:here.example", event: "$event", via: ["one.example"] },
    ],
    ["matrix:r/salon:here.example", { room: "#salon:here.example", event: null, via: [] }],
    [`${HERE}/#/room/!a/%24event?via=one.example`, { room: "!a", event: "$event", via: ["one.example"] }],
    [`${HERE}/#/room/!a?panel=members`, { room: "!a", event: null, via: [] }],
  ])("%s", (href, linked) => expect(read(href)).toEqual(linked));

  test.each([
    "",
    "nothing",
    "https://matrix.to/",
    "https://matrix.to/#/@anne:here.example",
    "https://matrix.to/#/!a/not-an-event",
    "https://matrix.to.evil.example/#/!a/$event",
    "http://matrix.to/#/!a/$event",
    "https://other.example/#/room/!a/$event",
    `${HERE}/#/settings`,
    `${HERE}/#/room/#salon:here.example`,
    "matrix:u/anne:here.example",
    "matrix:roomid/a/x/event",
    "https://matrix.to/#/%E0%A4%A/$event",
    "javascript:alert(1)",
  ])("%s leads nowhere", (href) => expect(read(href)).toBeNull());

  test("a server's name that is none is left out, and no more than five are asked", () => {
    const via = ["one.example", "two example", "../x", ...Array.from({ length: 9 }, (_, n) => `s${n}.example`)];
    const href = `https://matrix.to/#/!a?${via.map((each) => `via=${encodeURIComponent(each)}`).join("&")}`;
    expect(read(href)?.via).toEqual(["one.example", "s0.example", "s1.example", "s2.example", "s3.example"]);
  });

  test("what is written is read", () => {
    const linked = { room: "!a:here.example", event: "$event/+x", via: ["one.example"] };
    expect(read(matrixLink(linked))).toEqual(linked);
    expect(read(ownLink(linked, HERE))).toEqual(linked);
  });
});

test("a link to where one is has a name; another keeps its words", () => {
  const nameOf = (room: string): string | undefined => (room === "!a:b" ? "Crue" : undefined);
  const name = (href: string): unknown => called(href, "https://here.example", nameOf);
  expect(name("https://matrix.to/#/!a:b")).toEqual({ room: "Crue", isMessage: false });
  expect(name("https://here.example/#/room/!a%3Ab/%24event")).toEqual({ room: "Crue", isMessage: true });
  for (const other of ["https://matrix.to/#/!c:d", "https://e.org/#/room/!a:b", "Crue", "matrix:u/anne:b"])
    expect(name(other)).toBe(null);
  expect(
    ["voir https://matrix.to/#/@a:b", "https://here.example/#/room/!a", "https://e.org"].map((each) =>
      mayLink(each, "https://here.example"),
    ),
  ).toEqual([true, true, false]);
});
