import { expect, test } from "vitest";
import { accountPage, removalPage, secondFactorPage } from "./server_pages";

test("pages of the server", () => {
  expect(accountPage()).toBe("/account");
  expect(accountPage("org.matrix.devices_list")).toBe("/account?action=org.matrix.devices_list");
  expect(removalPage("A&B")).toBe("/account?action=org.matrix.device_delete&device_id=A%26B");
  expect(secondFactorPage).toBe("/account/second-factor");
});
