/** What people set: their profile, their devices, what is told to them, what is kept of them. */

import type { Keyword, PushTarget, QuietHours } from "../matrix/account";
import type { Device } from "../matrix/devices";
import type { SignedIn } from "../matrix/signed_in";
import type { Person } from "../matrix/types";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  me: Person;
  nameIsFixed: boolean;
  devices: Device[] | null;
  keywords: Keyword[];
  everything: boolean;
  quiet: QuietHours | null;
  push: PushTarget | null;
  emails: string[];
  ignored: Person[];
  backup: { enabled: boolean; count: number | null } | null;
  codeCreated: number | null;
  done: string | null;
}

export class SettingsViewModel extends ActingViewModel<State> {
  private readonly account: ReturnType<SignedIn["account"]>;

  constructor(
    private readonly matrix: Pick<
      SignedIn,
      "people" | "encryption" | "accountDataChanged" | "account" | "connection" | "deviceId"
    >,
  ) {
    super({
      ...IDLE,
      me: matrix.people.me(),
      nameIsFixed: matrix.people.nameIsFixed,
      devices: null,
      keywords: [],
      everything: true,
      quiet: null,
      push: null,
      emails: [],
      ignored: [],
      backup: null,
      codeCreated: null,
      done: null,
    });
    this.account = matrix.account();
    this.scope.owns(matrix.encryption.changed.listen(() => void this.lookDevices()));
    this.scope.owns(matrix.accountDataChanged.listen(() => this.look()));
    this.look();
    void this.lookDevices();
    void this.lookAccount();
  }

  private look(): void {
    this.set({
      me: this.matrix.people.me(),
      nameIsFixed: this.matrix.people.nameIsFixed,
      keywords: this.account.keywords(),
      everything: this.account.tellsEverything(),
      quiet: this.account.quietHours(),
      ignored: this.account.ignored(),
      codeCreated: this.matrix.encryption.recovery.codeCreated(),
    });
  }

  private async lookDevices(): Promise<void> {
    const [devices, backup] = await Promise.all([
      this.matrix.encryption.devices.list().catch(() => []),
      this.matrix.encryption.backup().catch(() => null),
    ]);
    this.set({ devices, backup });
  }

  private async lookAccount(): Promise<void> {
    const [emails, push] = await Promise.all([
      this.account.emails().catch(() => []),
      this.account.pushTarget().catch(() => null),
    ]);
    this.set({ emails, push });
  }

  private async change(action: () => Promise<unknown>, done: string): Promise<boolean> {
    this.set({ done: null });
    const well = await this.act(action);
    this.look();
    if (well) this.set({ done });
    return well;
  }

  readonly setName = (name: string): Promise<boolean> =>
    this.change(() => this.matrix.people.setName(name.trim()), "settings.saved");
  readonly setPicture = (file: Blob | null): Promise<boolean> =>
    this.change(() => this.matrix.people.setPicture(file), "settings.saved");
  readonly renameDevice = async (id: string, name: string): Promise<boolean> => {
    const well = await this.change(() => this.matrix.encryption.devices.rename(id, name), "settings.saved");
    await this.lookDevices();
    return well;
  };
  readonly addKeyword = (word: string): Promise<boolean> =>
    this.change(() => this.account.addKeyword(word.trim()), "settings.saved");
  readonly removeKeyword = (id: string): Promise<boolean> =>
    this.change(() => this.account.removeKeyword(id), "settings.saved");
  readonly setEverything = (everything: boolean): Promise<boolean> =>
    this.change(() => this.account.setTellsEverything(everything), "settings.saved");
  readonly setQuiet = (quiet: QuietHours): Promise<boolean> =>
    this.change(() => this.account.setQuietHours(quiet), "settings.saved");
  readonly setPush = (on: boolean, language: string): Promise<boolean> =>
    this.change(async () => {
      if (on) await this.account.subscribe(language);
      else await this.account.unsubscribe();
      this.set({ push: await this.account.pushTarget() });
    }, "settings.saved");
  readonly setIgnored = (id: string, ignored: boolean): Promise<boolean> =>
    this.change(() => this.matrix.people.setIgnored(id, ignored), "settings.saved");
  readonly checkCode = async (typed: string): Promise<"right" | "wrong" | "old" | "malformed"> =>
    (await this.matrix.encryption.recovery.checkCode(typed)) ?? "right";
  readonly exportData = (progress: (room: number, of: number) => void): Promise<string> => this.account.export(progress);

  /** What whoever is asked to help wants to know. */
  get diagnosis(): { deviceId: string | null; standing: string } {
    const { deviceId, connection, encryption } = this.matrix;
    return { deviceId, standing: `${connection.value} ${encryption.state}` };
  }
}
