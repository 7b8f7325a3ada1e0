import { expect, test } from "vitest";
import { factsIn, NO_FACTS, serviceIn } from "../src/matrix/directory_facts";

test("what a directory says is read as lines of text, and nothing else is", () => {
  const profile = {
    "org.chappe.title": " Cheffe\n du  service ",
    "org.chappe.service": "Presse",
    "org.chappe.telephone": "17",
  };
  expect(factsIn(profile)).toEqual({ title: "Cheffe du service", service: "Presse", telephone: "17" });
  expect(serviceIn(profile)).toBe("Presse");
  for (const value of [null, 17, "", " \u202e ", { a: 1 }, ["Presse"]])
    expect(factsIn({ "org.chappe.title": value, "org.chappe.service": value, "org.chappe.telephone": value })).toEqual(
      NO_FACTS,
    );
});

test("what turns the text around it or is long beyond reason is taken out", () => {
  expect(serviceIn({ "org.chappe.service": "Pre\u202esse\u0007" })).toBe("Presse");
  expect(serviceIn({ "org.chappe.service": "x".repeat(5000) })).toHaveLength(256);
});
