import { RoomNameType } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { splitName } from "./people";
import { nameRoom } from "./room_names";

const words = (key: string, values?: Record<string, string | number>): string =>
  [key, ...Object.values(values ?? {})].join(" ");
const named = (names: string[], count: number, language = "fr"): string =>
  nameRoom({ type: RoomNameType.Generated, names, count }, words, language);

test.each([
  [["Anne Roy [Culture]"], 1, "Anne Roy"],
  [["Anne Roy [Culture]", "Karim [SDIS]"], 2, "Anne Roy et Karim"],
  [["A", "B", "C", "D", "E"], 9, "A, B, C et roomName.others 6"],
  [["A", "B", "C", "D", "E"], 5, "A, B, C et roomName.others 2"],
  [["A"], 4, "A et roomName.others 3"], // the others have no name here
  [["Anne Roy [Culture]"], 2, "Anne Roy"], // an address: the SDK counts one more than there are
  [[], 3, "roomName.empty"],
  [["Anne Roy [Culture] (@anne:here.example)"], 1, "Anne Roy"],
  [["[Culture]"], 1, "[Culture]"], // no name at all without it
])("a room of %j among %i is called by who is in it", (names, count, expected) => {
  expect(named(names, count)).toBe(expected);
});

test("what it is called is called so, and nobody else is said to be there", () => {
  expect(nameRoom({ type: RoomNameType.Actual, name: "Crue [bis]" }, words, "fr")).toBe("Crue [bis]");
  expect(nameRoom({ type: RoomNameType.EmptyRoom }, words, "fr")).toBe("roomName.empty");
  expect(nameRoom({ type: RoomNameType.EmptyRoom, oldName: "Anne" }, words, "fr")).toBe("roomName.left Anne");
  expect(named(["A", "B"], 2, "en")).toBe("A and B");
});

test("a name is split from its organisation, whatever stands in it", () => {
  expect(splitName("Anne [x] Roy [Culture]")).toEqual({ name: "Anne [x] Roy", organisation: "Culture" });
  expect(splitName("(@a:b)")).toEqual({ name: "(@a:b)", organisation: null });
  expect(splitName("")).toEqual({ name: "", organisation: null });
});
