import fc from "fast-check";
import { expect, test } from "vitest";
import { MOST_STEPS, missingOf, stepsOf, textOf } from "./playbook_text";

const NOW = 1_000_000;

test("one step a line, phases after a #, a time limit at the end", () => {
  const steps = stepsOf(
    "# Alerter\nPrévenir le préfet (20\u00a0min)\n\n- Relever les cotes\n# Protéger\n2. Fermer les ponts (2 h)",
    NOW,
  );
  expect(steps).toEqual([
    { id: "1", phase: "Alerter", text: "Prévenir le préfet", owner: null, due: NOW + 20 * 60_000 },
    { id: "2", phase: "Alerter", text: "Relever les cotes", owner: null, due: null },
    { id: "3", phase: "Protéger", text: "Fermer les ponts", owner: null, due: NOW + 120 * 60_000 },
  ]);
});

test.each(["Fermer (0 min)", "Fermer (99999 j)", "Fermer (bientôt)", "Fermer (3 ponts)"])("%s has no time limit", (line) => {
  expect(stepsOf(line, NOW)[0]).toMatchObject({ text: line, due: null });
});

test("what is missing is said", () => {
  expect(missingOf(" ", "a")).toBe("playbook.missing.title");
  expect(missingOf("Crue", " \n# Phase")).toBe("playbook.missing.steps");
  expect(missingOf("Crue", "a\n".repeat(MOST_STEPS + 1))).toBe("playbook.missing.many");
  expect(missingOf("Crue", "a".repeat(201))).toBe("playbook.missing.long");
  expect(missingOf("Crue", "(5 min)")).toBe("playbook.missing.long"); // only a time limit is no step
  expect(missingOf("Crue", "Fermer")).toBe(null);
});

test("whatever is typed, every step has a name of its own", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const steps = stepsOf(text, NOW);
      expect(new Set(steps.map((each) => each.id)).size).toBe(steps.length);
    }),
  );
});

test("a plan as it is written begins as it was", () => {
  const written = "Seule\n\n# Alerter\nPrévenir (20 min)\nRelever (2 h)\n\n# \nFermer (3 j)\nRien";
  const steps = stepsOf(written, NOW);
  expect(stepsOf(textOf(steps, NOW), NOW)).toEqual(steps);
  expect(textOf(steps, NOW + 86_400_000 * 4)).not.toContain("("); // what was due before has no time limit
});
