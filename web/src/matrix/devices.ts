/** The devices of the account, and which of them may read. */

import type { MatrixClient } from "matrix-js-sdk";
import { type CryptoApi, CryptoEvent } from "matrix-js-sdk/lib/crypto-api";
import { Signal } from "../platform/signal";

export interface Device {
  id: string;
  name: string;
  lastSeen: number | null;
  confirmed: boolean;
  current: boolean;
  canEncrypt: boolean;
}

export class Devices {
  /** There is another device, or one less. */
  readonly changed = new Signal(300);

  constructor(
    private readonly client: MatrixClient,
    private readonly crypto: () => CryptoApi,
  ) {
    client.on(CryptoEvent.DevicesUpdated, (users) => {
      if (users.includes(client.getSafeUserId())) this.changed.fire();
    });
  }

  async list(): Promise<Device[]> {
    const me = this.client.getSafeUserId();
    const { devices } = await this.client.getDevices();
    const keys = (await this.crypto().getUserDeviceInfo([me])).get(me);
    const found = await Promise.all(
      devices.map(async (each) => ({
        id: each.device_id,
        name: each.display_name || each.device_id,
        lastSeen: each.last_seen_ts ?? null,
        // a device that is not confirmed itself trusts no other, but sees which ones the account has signed
        confirmed: (await this.crypto().getDeviceVerificationStatus(me, each.device_id))?.signedByOwner ?? false,
        current: each.device_id === this.client.getDeviceId(),
        canEncrypt: keys?.has(each.device_id) ?? false,
      })),
    );
    return found.sort((a, b) => Number(b.current) - Number(a.current) || (b.lastSeen ?? 0) - (a.lastSeen ?? 0));
  }

  async rename(id: string, name: string): Promise<void> {
    await this.client.setDeviceDetails(id, { display_name: name });
  }
}
