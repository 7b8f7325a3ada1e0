/** Confirming that a device or a person is who they say: by comparing pictures, or by a code that one scans. */

import {
  type ShowSasCallbacks,
  VerificationPhase,
  type VerificationRequest,
  VerificationRequestEvent,
  type Verifier,
  VerifierEvent,
} from "matrix-js-sdk/lib/crypto-api";
import { Signal } from "../platform/signal";

export interface Comparison {
  emoji: Array<[string, string]>;
  confirm: () => Promise<void>;
  mismatch: () => void;
}

/** One verification, from the request to its end. */
export class Verification {
  readonly changed = new Signal();
  comparison: Comparison | null = null;
  /** What this device shows for the other to scan. */
  qr: Uint8ClampedArray | null = null;
  /** The other device has scanned: does it say so too? */
  scanned: (() => void) | null = null;
  private watched: Verifier | null = null;
  private drawing = false;
  private read = false;

  constructor(private readonly request: VerificationRequest) {
    request.on(VerificationRequestEvent.Change, () => this.moved());
    this.moved();
  }

  get phase(): "requested" | "ready" | "started" | "done" | "cancelled" {
    switch (this.request.phase) {
      case VerificationPhase.Ready:
        return "ready";
      case VerificationPhase.Started:
        return "started";
      case VerificationPhase.Done:
        return "done";
      case VerificationPhase.Cancelled:
        return "cancelled";
      default:
        return "requested";
    }
  }

  get mine(): boolean {
    return this.request.initiatedByMe;
  }

  get self(): boolean {
    return this.request.isSelfVerification;
  }

  get otherId(): string {
    return this.request.otherUserId;
  }

  /** Whether it was taken up on this device; several devices are asked at once. */
  accepted = false;

  async accept(): Promise<void> {
    this.accepted = true;
    await this.request.accept();
  }

  async compareEmoji(): Promise<void> {
    this.watch(await this.request.startVerification("m.sas.v1"));
  }

  /** A camera sees the same code many times: it counts once, or the second reading would undo the first. */
  async scan(code: Uint8ClampedArray): Promise<void> {
    if (this.read) return;
    this.read = true;
    try {
      this.watch(await this.request.scanQRCode(code));
    } catch (error) {
      this.read = false;
      throw error;
    }
  }

  async cancel(): Promise<void> {
    await this.request.cancel().catch(() => {});
  }

  private moved(): void {
    if (this.phase === "ready" && !this.drawing) {
      this.drawing = true; // a second code would cancel the first
      this.request
        .generateQRCode()
        .then((code) => {
          this.qr = code ?? null;
          this.changed.fire();
        })
        .catch(() => {});
    }
    const { verifier } = this.request;
    if (verifier) this.watch(verifier);
    this.changed.fire();
  }

  private watch(verifier: Verifier): void {
    if (this.watched === verifier) return;
    this.watched = verifier;
    const show = (sas: ShowSasCallbacks): void => {
      this.comparison = { emoji: sas.sas.emoji ?? [], confirm: () => sas.confirm(), mismatch: () => sas.mismatch() };
      this.changed.fire();
    };
    verifier.on(VerifierEvent.ShowSas, show);
    verifier.on(VerifierEvent.ShowReciprocateQr, (qr) => {
      this.scanned = () => qr.confirm();
      this.changed.fire();
    });
    const shown = verifier.getShowSasCallbacks();
    if (shown) show(shown);
    const qr = verifier.getReciprocateQrCodeCallbacks();
    if (qr) this.scanned = () => qr.confirm();
    verifier.verify().catch(() => this.changed.fire());
  }
}
