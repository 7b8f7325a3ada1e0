import type { Room } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { message } from "../src/matrix/item_content";
import { messageContent } from "../src/matrix/message_content";
import { servicesNamed } from "../src/matrix/named_services";
import { compose } from "../src/viewmodels/markdown";

const PRESSE = { name: "Presse", ids: ["@anne:a", "@bob:a"] };
const sent = (typed: string) => compose(typed, [], { id: "!r" }, [PRESSE])!;

test("a service is a name that any client shows, and tells whoever is of it", () => {
  const outgoing = sent("Bonjour @Presse, **vite**");
  expect(outgoing).toMatchObject({
    body: "Bonjour @Presse (2), **vite**",
    html: 'Bonjour <span data-org-chappe-service="Presse">@Presse (2)</span>, <strong>vite</strong>',
    mentions: PRESSE.ids,
  });
  const content = messageContent({} as Room, outgoing, null) as unknown as Record<string, unknown>;
  expect(content).toMatchObject({ "m.mentions": { user_ids: PRESSE.ids }, "org.chappe.services": { Presse: PRESSE.ids } });
  expect(message(content)).toMatchObject({ services: [PRESSE] });
  expect(message({ msgtype: "m.text", body: "a" })).not.toHaveProperty("services");
});

test("an edit tells nobody twice, and still names them", () => {
  const content = messageContent({} as Room, { ...sent("@Presse"), edits: "$1", told: PRESSE.ids }, null);
  expect(content).toMatchObject({ "m.mentions": {}, "m.new_content": { "org.chappe.services": { Presse: PRESSE.ids } } });
});

test("who is not told by a message is not of what it names, whatever it says", () => {
  const told = { user_ids: ["@anne:a"] };
  expect(servicesNamed({ "m.mentions": told, "org.chappe.services": { Presse: ["@anne:a", "@anne:a", "@eve:a", 3] } })).toEqual(
    [{ name: "Presse", ids: ["@anne:a"] }],
  );
  for (const said of [
    null,
    [],
    "x",
    { Presse: [] },
    { Presse: "@anne:a" },
    { Presse: ["@eve:a"] },
    { ["x".repeat(601)]: ["@anne:a"] },
  ])
    expect(servicesNamed({ "m.mentions": told, "org.chappe.services": said })).toEqual([]);
  expect(servicesNamed({ "org.chappe.services": { Presse: ["@anne:a"] } })).toEqual([]);
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`S${at}`, ["@anne:a"]]));
  expect(servicesNamed({ "m.mentions": told, "org.chappe.services": many })).toHaveLength(20);
});

test("a name with signs of HTML and markdown, and signs that stand for names, do no harm", () => {
  const odd = { name: '<b>"A*B*"', ids: ["@anne:a"] };
  const outgoing = compose(`@${odd.name} \uE0000\uE001`, [], { id: "!r" }, [odd])!;
  expect(outgoing.html).toBe(
    '<span data-org-chappe-service="&lt;b&gt;&quot;A*B*&quot;">@&lt;b&gt;&quot;A*B*&quot; (1)</span> 0',
  );
});
