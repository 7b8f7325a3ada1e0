/** Pages of the server that do what the client does not: they are opened beside it. */

/** The page of the server where people manage their account: password, second factor, deactivation. */
export const accountPage = (action?: string): string => `/account${action ? `?action=${encodeURIComponent(action)}` : ""}`;

/** The page of the server where a second factor is added. */
export const secondFactorPage = "/account/second-factor";

/** The page that asks for the password before it removes a device. */
export const removalPage = (deviceId: string): string =>
  `${accountPage("org.matrix.device_delete")}&device_id=${encodeURIComponent(deviceId)}`;
