import { expect, test } from "vitest";
import { allowsFile } from "./file_types";

const marked = (files: boolean, ...file_types: string[]) => ({
  name: "restricted",
  labels: {},
  guests: false,
  retention_days: 0,
  forwarding: false,
  link_sharing: false,
  history_sharing: false,
  calls: true,
  files,
  file_types,
});

test.each([
  [null, "application/zip", true],
  [marked(true), "application/zip", true],
  [marked(false), "image/png", false],
  [marked(true, "application/pdf", "image/*"), "image/png; x=y", true],
  [marked(true, "application/pdf", "image/*"), "application/zip", false],
  [marked(true, "image/*"), "", false],
])("files in a room with a marking %#", (level, mime, allowed) => {
  expect(allowsFile(level, mime)).toBe(allowed);
});
