/** The whole client: whether somebody is signed in, where they are, what is open over it. */

import type { Rules } from "../matrix/agency";
import { type Configuration, loadConfiguration } from "../matrix/configuration";
import type { Rights } from "../matrix/console";
import { type Ended, keepsDevice } from "../matrix/ended";
import type { Connection, Matrix } from "../matrix/matrix";
import type { MessageIndex } from "../matrix/message_index";
import {
  finishSignIn,
  forgetSession,
  isWayBack,
  keepDevice,
  loadSession,
  revoke,
  type Session,
  SignInError,
  signInByToken,
} from "../matrix/session";
import type { Person } from "../matrix/types";
import type { Verification } from "../matrix/verification";
import { holdSession } from "../platform/one_tab";
import type { Shared } from "../platform/shared";
import { forgetEverything } from "../platform/store";
import { ConfirmDeviceViewModel } from "./confirm_device";
import { CreateRoomViewModel, type Kind } from "./create_room";
import { Drafts } from "./drafts";
import { FirstRunViewModel } from "./first_run";
import { Notifier, type Surroundings } from "./notifier";
import type { Preferences } from "./preferences";
import { RoomViewModel } from "./room";
import { RoomListViewModel } from "./room_list";
import { type Panel, type Route, readRoute, writeRoute } from "./route";
import { type SignInProblem, SignInViewModel } from "./sign_in";
import { SwitcherViewModel } from "./switcher";
import { ViewModel } from "./view_model";

export type Stage =
  | "loading"
  | "unreachable"
  | "sign-in"
  | "other-tab"
  | "starting"
  | "first-run"
  | "confirm"
  | "barred"
  | "main";

export interface AppState {
  stage: Stage;
  configuration: Configuration | null;
  route: Route;
  connection: Connection;
  encryption: Matrix["encryption"]["state"];
  me: Person | null;
  dialog: "create" | "switcher" | "verification" | null;
  /** Something that was done, said once. */
  notice: { key: string; values?: Record<string, string>; turn: number } | null;
  shared: Shared | null;
  /** The public-sector layer, where it is on. */
  rules: Rules | null;
  /** What the account administers. */
  rights: Rights | null;
}

/** What the page gives: its address, and ways to leave it. */
export interface Page extends Surroundings {
  query: URLSearchParams;
  hash: () => string;
  setHash: (hash: string, replace?: boolean) => void;
  onHash: (listener: () => void) => void;
  leave: (url: string) => void;
  takeShared: () => Promise<Shared | null>;
}

export class AppViewModel extends ViewModel<AppState> {
  matrix: Matrix | null = null;
  signIn: SignInViewModel | null = null;
  firstRun: FirstRunViewModel | null = null;
  confirm: ConfirmDeviceViewModel | null = null;
  list: RoomListViewModel | null = null;
  room: RoomViewModel | null = null;
  create: CreateRoomViewModel | null = null;
  switcher: SwitcherViewModel | null = null;
  verification: Verification | null = null;
  index: MessageIndex | null = null;
  notifier: Notifier | null = null;
  readonly drafts = new Drafts();
  private session: Session | null = null;

  constructor(
    private readonly page: Page,
    readonly preferences: Preferences,
  ) {
    super({
      stage: "loading",
      configuration: null,
      route: readRoute(page.hash()),
      connection: "starting",
      encryption: "starting",
      me: null,
      dialog: null,
      notice: null,
      shared: null,
      rules: null,
      rights: null,
    });
    page.onHash(() => this.routed());
  }

  /** Begins: with a session, with the way back from signing in, or with the sign-in form. */
  readonly start = async (): Promise<void> => {
    this.set({ stage: "loading" });
    let configuration = await loadConfiguration().catch(() => null);
    const session = await loadSession().catch(() => undefined);
    if (configuration) localStorage.setItem("chappe.configuration", JSON.stringify(configuration));
    else configuration = JSON.parse(localStorage.getItem("chappe.configuration") ?? "null");
    if (!configuration) return this.set({ stage: "unreachable" });
    this.set({ configuration });
    if (isWayBack(this.page.query)) return this.cameBack(configuration);
    if (session) return this.open(session, configuration);
    this.askSignIn(null, this.page.query.get("address") ?? "");
  };

  private async cameBack(configuration: Configuration): Promise<void> {
    try {
      const session = await finishSignIn(this.page.query);
      this.page.setHash("#/", true);
      await this.open(session, configuration);
    } catch (error) {
      this.page.setHash("#/", true);
      this.askSignIn(error instanceof SignInError ? error.reason : "other");
    }
  }

  private askSignIn(problem: SignInProblem, address = ""): void {
    this.signIn = new SignInViewModel(
      this.now.configuration!,
      () => this.preferences.snapshot().language,
      this.page.leave,
      problem,
      address,
    );
    this.set({ stage: "sign-in" });
  }

  private async open(session: Session, configuration: Configuration, takeOver = false): Promise<void> {
    this.session = session;
    const lost = (): void => {
      this.matrix?.stop();
      this.set({ stage: "other-tab" });
    };
    if (!(await holdSession(lost, takeOver))) return this.set({ stage: "other-tab" });
    this.set({ stage: "starting" });
    await this.drafts.open();
    try {
      const { Matrix: Account } = await import("../matrix/matrix"); // the SDK: nobody who only signs in waits for it
      this.matrix = await Account.start(session, configuration, (why) => void this.ended(why));
    } catch (error) {
      console.error(error);
      return this.set({ stage: "unreachable" });
    }
    this.follow(this.matrix);
  }

  readonly useHere = (): void => {
    void this.open(this.session!, this.now.configuration!, true);
  };

  private follow(matrix: Matrix): void {
    const moved = (): void => {
      this.set({ connection: matrix.connection.value, me: matrix.people.me() });
      if (matrix.barred.value) return this.set({ stage: "barred" });
      if (this.now.stage === "barred") return this.page.leave("/"); // the account is open again: begin afresh
      if (this.now.stage === "starting" && matrix.connection.value !== "starting") void this.synced(matrix);
    };
    this.scope.owns(matrix.connection.listen(moved));
    this.scope.owns(matrix.barred.listen(moved));
    this.scope.owns(matrix.people.changed.listen(() => this.set({ me: matrix.people.me() })));
    this.scope.owns(matrix.encryption.changed.listen(() => this.encryptionMoved(matrix)));
    void matrix.people.loadMe();
    this.index = matrix.messageIndex();
    this.list = new RoomListViewModel(matrix, this.drafts);
    this.notifier = new Notifier(
      matrix,
      this.preferences,
      this.page,
      this.list,
      () => (this.now.route.screen === "room" ? this.now.route.id : null),
      (id) => this.go({ screen: "room", id, event: null, panel: null }),
    );
    this.set({ rules: matrix.agency.rules });
    moved();
  }

  private syncing = false;

  private async synced(matrix: Matrix): Promise<void> {
    if (this.syncing) return;
    this.syncing = true;
    const known = matrix.rooms.list().length > 0;
    if (known) this.main(); // what this browser has kept is shown at once; the checks go on behind it
    await Promise.all([matrix.encryption.refresh(true), matrix.people.loadMe(), this.loadRules(matrix)]);
    if (this.matrix !== matrix) return; // the session ended meanwhile
    void this.index?.start();
    if (matrix.encryption.state === "new") {
      this.firstRun = new FirstRunViewModel(matrix, () => this.main());
      this.set({ stage: "first-run" });
    } else if (matrix.encryption.state === "unconfirmed" && !this.wasPutOff()) this.askConfirm();
    else this.main();
    const shared = await this.page.takeShared();
    if (shared) this.set({ shared, dialog: null });
  }

  private async loadRules(matrix: Matrix): Promise<void> {
    await matrix.agency.load();
    this.set({ rules: matrix.agency.rules, rights: matrix.agency.rules ? await matrix.console.rights() : null });
  }

  private main(): void {
    this.firstRun = null;
    this.confirm?.close();
    this.confirm = null;
    this.set({ stage: "main", me: this.matrix?.people.me() ?? null });
    this.routed();
  }

  private encryptionMoved(matrix: Matrix): void {
    const incoming = matrix.encryption.incoming;
    if (incoming && incoming.phase === "requested" && !incoming.mine && incoming !== this.verification) {
      this.verification = incoming;
      this.set({ dialog: "verification" });
    }
    // another device of the same person has answered, or the request was withdrawn
    const elsewhere =
      incoming !== null && incoming === this.verification && !incoming.accepted && incoming.phase !== "requested";
    if (elsewhere && this.now.dialog === "verification") this.set({ dialog: null });
    this.set({ encryption: matrix.encryption.state });
  }

  // ---------------------------------------------------------------------------------------------------- places to go

  readonly go = (route: Route): void => {
    this.set({ dialog: null });
    this.page.setHash(writeRoute(route));
    this.routed();
  };

  readonly openRoom = (id: string, event: string | null = null): void => this.go({ screen: "room", id, event, panel: null });

  readonly openPanel = (panel: Panel | null): void => {
    const { route } = this.now;
    if (route.screen === "room") this.go({ ...route, panel });
  };

  private routed(): void {
    const route = readRoute(this.page.hash());
    if (this.matrix && this.now.stage === "main" && route.screen === "room") {
      if (this.room?.id !== route.id) {
        this.room?.close();
        this.room = new RoomViewModel(
          this.matrix,
          route.id,
          this.drafts,
          this.preferences,
          { home: () => this.go({ screen: "home" }), room: (id) => this.openRoom(id) },
          route.event,
        );
      } else if (route.event) void this.room.timeline?.jump(route.event);
    } else if (this.room && route.screen !== "room") {
      this.room.close();
      this.room = null;
    }
    this.set({ route });
  }

  readonly openCreate = (kind: Kind = "private"): void => {
    if (!this.matrix || this.now.stage !== "main" || this.now.rules?.me.is_guest) return;
    this.create = new CreateRoomViewModel(this.matrix, (id) => this.openRoom(id), kind);
    this.set({ dialog: "create" });
  };

  readonly openSwitcher = (): void => {
    if (!this.matrix || !this.index || this.now.stage !== "main") return;
    this.switcher = new SwitcherViewModel(this.matrix, this.index, { room: (id, event) => this.openRoom(id, event ?? null) });
    this.set({ dialog: "switcher" });
  };

  readonly openVerification = (verification: Verification): void => {
    this.verification = verification;
    this.set({ dialog: "verification" });
  };

  readonly closeDialog = (): void => {
    if (this.now.dialog === "verification" && this.verification && this.verification.phase !== "done")
      void this.verification.cancel();
    this.set({ dialog: null });
  };

  /** Messages somebody may write to at once, by person. */
  readonly write = async (userId: string): Promise<void> => {
    this.openRoom(await this.matrix!.entry.direct(userId));
  };

  readonly say = (key: string, values?: Record<string, string>): void =>
    this.set({ notice: { key, values, turn: (this.now.notice?.turn ?? 0) + 1 } });

  readonly dropShared = (): void => this.set({ shared: null });

  // ------------------------------------------------------------------------------------------------------- encryption

  readonly askConfirm = (): void => {
    this.confirm = new ConfirmDeviceViewModel(
      this.matrix!,
      () => this.main(),
      () => this.startReset(),
    );
    this.set({ stage: "confirm" });
  };

  readonly confirmLater = (): void => {
    sessionStorage.setItem("chappe.confirm-later", "1");
    this.main();
  };

  private wasPutOff(): boolean {
    return sessionStorage.getItem("chappe.confirm-later") !== null;
  }

  private startReset(): void {
    this.firstRun = new FirstRunViewModel(this.matrix!, () => this.main(), true, true);
    this.set({ stage: "first-run" });
  }

  /** A new recovery code, in place of the one in use or for the first time. */
  readonly replaceCode = (): void => {
    this.firstRun = new FirstRunViewModel(this.matrix!, () => this.main(), true);
    this.set({ stage: "first-run" });
  };

  readonly cancelCode = (): void => this.main();

  // -------------------------------------------------------------------------------------------------------- the end

  readonly signOut = async (): Promise<void> => {
    this.index?.stop();
    await this.matrix?.signOut();
    await this.forget();
    this.page.leave("/");
  };

  /** Signs this browser in to a duty account, by a token for that. The session that took it ends when this one is signed out. */
  readonly changeTo = async (token: string): Promise<void> => {
    this.index?.stop();
    const parent = await this.matrix!.leave();
    await this.forget();
    await signInByToken(token, parent).catch(async (error) => {
      await revoke(parent);
      throw error;
    });
    this.page.leave("/");
  };

  private async ended(why: Ended): Promise<void> {
    if (!this.matrix) return; // several requests learn of it
    this.index?.stop();
    this.matrix.stop();
    this.room?.close();
    this.matrix = null;
    if (this.session?.parent) await revoke(this.session.parent); // nobody has its tokens any more
    if (keepsDevice(why)) await keepDevice(this.session!);
    else await this.forget();
    this.askSignIn(why);
  }

  private async forget(): Promise<void> {
    await forgetSession().catch(() => {});
    await forgetEverything();
  }
}
