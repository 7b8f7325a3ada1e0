/** The whole client: whether somebody is signed in, and what fills the page. */

import type { Rules } from "../matrix/agency";
import type { Configuration } from "../matrix/configuration";
import type { Rights } from "../matrix/console";
import { type Ended, keepsDevice } from "../matrix/ended";
import type { OpenedKey } from "../matrix/recovery";
import { type Session, SignInError } from "../matrix/session";
import { sessions as browserSessions, type Sessions } from "../matrix/sessions";
import type { SignedIn } from "../matrix/signed_in";
import type { Connection, Person } from "../matrix/types";
import type { Shared } from "../platform/shared";
import { ConfirmDeviceViewModel } from "./confirm_device";
import { Drafts } from "./drafts";
import { type Beginning, FirstRunViewModel } from "./first_run";
import { MainViewModel } from "./main";
import { MediaViewModel } from "./media";
import type { Surroundings } from "./notifier";
import type { Preferences } from "./preferences";
import { readRoute, type Surface, writeRoute } from "./route";
import { type SignInProblem, SignInViewModel } from "./sign_in";
import { ViewModel } from "./view_model";

/** What fills the page. */
export type Stage =
  | { name: "loading" | "unreachable" | "starting" | "barred" }
  /** `brought`: the tab that has the session has gone to where this one was to go. */
  | { name: "other-tab"; brought: boolean }
  | { name: "sign-in"; model: SignInViewModel }
  | { name: "first-run"; model: FirstRunViewModel }
  | { name: "confirm"; model: ConfirmDeviceViewModel }
  | { name: "main"; model: MainViewModel };

export interface AppState {
  stage: Stage;
  configuration: Configuration | null;
  connection: Connection;
  encryption: SignedIn["encryption"]["state"];
  me: Person | null;
  /** The public-sector layer, where it is on. */
  rules: Rules | null;
  /** What the account administers. */
  rights: Rights | null;
}

/** What the page gives: its address, and ways to leave it. */
export interface Page extends Surroundings, Surface {
  query: URLSearchParams;
  leave: (url: string) => void;
  takeShared: () => Promise<Shared | null>;
}

/** A view model of an account, that lives with a part of the page. */
export type Made<V, Given extends unknown[]> = new (matrix: SignedIn, ...given: Given) => V;

export class AppViewModel extends ViewModel<AppState> {
  private matrix: SignedIn | null = null;
  private main: MainViewModel | null = null;
  private session: Session | null = null;
  private pictures: MediaViewModel | null = null;
  private isSynced = false;
  private coming: Promise<Session> | null = null; // of somebody who comes back from signing in

  constructor(
    private readonly page: Page,
    readonly preferences: Preferences,
    private readonly sessions: Sessions = browserSessions,
    readonly drafts = new Drafts(),
  ) {
    super({
      stage: { name: "loading" },
      configuration: null,
      connection: "starting",
      encryption: "starting",
      me: null,
      rules: null,
      rights: null,
    });
  }

  // ------------------------------------------------------------------------------------------------------- beginning
  /** Begins: with a session, with the way back from signing in, or with the sign-in form. */
  readonly start = async (): Promise<void> => {
    this.turn({ name: "loading" });
    const { query } = this.page;
    if (this.sessions.isWayBack(query)) this.coming ??= this.sessions.finish(query); // once: the code is good for one time
    this.coming?.catch(() => {}); // `cameBack` says what went wrong
    const kept = this.coming ? undefined : this.sessions.load().catch(() => undefined);
    const [configuration, session] = await Promise.all([this.sessions.configuration(), kept]);
    if (!configuration) return this.turn({ name: "unreachable" });
    this.set({ configuration });
    if (this.coming) return this.cameBack(configuration, this.coming);
    if (session) return this.open(session, configuration);
    const form = this.askSignIn(configuration, null, query.get("address") ?? "");
    if (query.get("enter")) void form.submit(); // an account was made in this browser just now
  };

  private async cameBack(configuration: Configuration, coming: Promise<Session>): Promise<void> {
    this.page.setHash("#/", true);
    try {
      await this.open(await coming, configuration);
    } catch (error) {
      this.askSignIn(configuration, error instanceof SignInError ? error.reason : "other");
    }
  }

  private askSignIn(configuration: Configuration, problem: SignInProblem, address = ""): SignInViewModel {
    const language = (): string => this.preferences.snapshot().language;
    const model = new SignInViewModel(configuration, language, this.page.leave, problem, address);
    this.turn({ name: "sign-in", model });
    return model;
  }

  private async open(session: Session, configuration: Configuration, takeOver = false): Promise<void> {
    this.session = session;
    const lost = (): void => {
      this.matrix?.stop();
      this.turn({ name: "other-tab", brought: false });
    };
    if (!(await this.sessions.hold(lost, takeOver))) return this.elsewhere();
    this.turn({ name: "starting" });
    await this.drafts.open();
    try {
      const ended = (why: Ended): void => void this.ended(configuration, why);
      this.matrix = await this.sessions.start(session, configuration, ended, this.page.text);
    } catch (error) {
      console.error(error);
      return this.turn({ name: "unreachable" });
    }
    this.follow(this.matrix);
    if (this.matrix.rooms.list().length) this.show(); // the list of last time, before the account itself is read
    try {
      await this.matrix.open();
    } catch (error) {
      console.error(error);
      this.turn({ name: "unreachable" });
    }
  }

  /** Another tab has the session. A link that was opened here leads there. */
  private async elsewhere(): Promise<void> {
    const isPlace = readRoute(this.page.hash()).screen !== "home";
    this.turn({ name: "other-tab", brought: isPlace && (await this.sessions.bringThere(this.page.hash())) });
  }

  /** In this tab, where another one has the session. */
  readonly useHere = (): void => {
    if (this.session && this.now.configuration) void this.open(this.session, this.now.configuration, true);
  };

  private follow(matrix: SignedIn): void {
    const moved = (): void => {
      const connection = matrix.connection.value;
      this.set({ connection, me: matrix.people.me() });
      if (matrix.barred.value) return this.turn({ name: "barred" });
      if (this.now.stage.name === "barred") return this.page.leave("/"); // the account is open again: begin afresh
      const { name } = this.now.stage;
      if ((name === "starting" || name === "main") && connection !== "starting") void this.synced(matrix);
    };
    this.scope.owns(this.sessions.hearOfPlaces((place) => this.main?.arrive(place)));
    this.scope.owns(matrix.connection.listen(moved));
    this.scope.owns(matrix.barred.listen(moved));
    this.scope.owns(matrix.people.changed.listen(() => this.set({ me: matrix.people.me() })));
    this.scope.owns(matrix.encryption.changed.listen(() => this.set({ encryption: matrix.encryption.state })));
    void matrix.people.loadMe();
    this.main = new MainViewModel(matrix, this.page, this.drafts, this.preferences, () => this.now.stage.name === "main");
    this.set({ rules: matrix.agency.rules });
    moved();
  }

  private async synced(matrix: SignedIn): Promise<void> {
    if (this.isSynced) return;
    this.isSynced = true;
    const known = matrix.rooms.list().length > 0;
    if (known) this.show(); // what this browser has kept is shown at once; the checks go on behind it
    const { people, encryption } = matrix;
    await Promise.all([encryption.refresh(true), people.loadMe(), people.loadCapabilities(), this.loadRules(matrix)]);
    if (this.matrix !== matrix || matrix.barred.value) return; // the session ended meanwhile, or the server lets it do nothing
    void matrix.index.start();
    if (matrix.encryption.state === "new") this.askMeans();
    else if (matrix.encryption.state === "unconfirmed" && !this.sessions.wasPutOff()) this.askConfirm();
    else this.show();
    const shared = await this.page.takeShared();
    if (shared) this.main?.offerShared(shared);
  }

  private async loadRules(matrix: SignedIn): Promise<void> {
    await matrix.agency.load();
    this.set({ rules: matrix.agency.rules, rights: matrix.agency.rules ? await matrix.console.rights() : null });
  }

  /** The rooms, in place of whatever was asked before them. */
  private show(): void {
    if (!this.main) return;
    this.set({ me: this.account.people.me() });
    this.turn({ name: "main", model: this.main });
    this.main.look();
  }

  /** Fills the page with something else. What was asked before is over, and follows nothing any more. */
  private turn(stage: Stage): void {
    const { stage: before } = this.now;
    this.set({ stage });
    if (before.name === "confirm" || before.name === "first-run") before.model.close();
  }

  // ------------------------------------------------------------------------------------------------ what others stand on

  private get account(): SignedIn {
    if (!this.matrix) throw new Error("nobody is signed in");
    return this.matrix;
  }

  get userId(): string {
    return this.account.userId;
  }

  /** Pictures and files, once somebody is signed in. */
  get media(): MediaViewModel {
    this.pictures ??= new MediaViewModel(this.account);
    return this.pictures;
  }

  /** Makes the view model of a part of the page. */
  make<V, Given extends unknown[]>(Model: Made<V, Given>, ...given: Given): V {
    return new Model(this.account, ...given);
  }

  /** Asks the server again now, instead of after the next pause. */
  readonly retry = (): void => this.matrix?.retry();

  /** Goes to a room, now or as soon as there are any. */
  readonly openRoom = (id: string): void => {
    if (this.main) this.main.openRoom(id);
    else this.page.setHash(writeRoute({ screen: "room", id, event: null, panel: null }));
  };

  // ------------------------------------------------------------------------------------------------------- encryption

  private askMeans(beginning?: Beginning): void {
    this.turn({ name: "first-run", model: new FirstRunViewModel(this.account, () => this.show(), beginning) });
  }

  readonly askConfirm = (): void => {
    const anew = (): void => this.askMeans({ at: "means", reset: true });
    this.turn({ name: "confirm", model: new ConfirmDeviceViewModel(this.account, () => this.show(), anew) });
  };

  readonly confirmLater = (): void => {
    this.sessions.putOff();
    this.show();
  };

  /** A new recovery code in place of the one in use; where there is nothing yet, a passkey or a code. */
  readonly replaceCode = (): void => this.askMeans({ at: this.now.encryption === "no-code" ? "means" : "code" });

  /** The code of the key that a passkey has opened. */
  readonly writeCode = (opened: OpenedKey): void => this.askMeans({ at: "code", opened });

  // -------------------------------------------------------------------------------------------------------- the end

  readonly signOut = async (): Promise<void> => {
    const letGo = this.matrix?.index.stop();
    await this.matrix?.signOut();
    await this.forget(letGo);
    this.page.leave("/");
  };

  private async forget(letGo?: Promise<void>): Promise<void> {
    this.drafts.forget();
    await letGo; // of the index: what it holds cannot be removed
    await this.sessions.forget();
  }

  /** Signs this browser in to a duty account, by a token for that. The session that took it ends when this one is signed out. */
  readonly changeTo = async (token: string): Promise<void> => {
    const letGo = this.account.index.stop();
    const parent = await this.account.leave();
    await this.forget(letGo);
    await this.sessions
      .signInByToken(token, parent)
      .catch((error) => this.sessions.revoke(parent).then(() => Promise.reject(error)));
    this.page.leave("/");
  };

  private async ended(configuration: Configuration, why: Ended): Promise<void> {
    const { matrix, session } = this;
    if (!matrix || !session) return; // several requests learn of it
    const letGo = matrix.index.stop();
    matrix.stop();
    this.turn({ name: "loading" }); // nothing of the account is drawn any more
    this.main?.close();
    this.matrix = null;
    this.main = null;
    if (session.parent) await this.sessions.revoke(session.parent); // nobody has its tokens any more
    await (keepsDevice(why) ? this.sessions.keepDevice(session) : this.forget(letGo));
    this.askSignIn(configuration, why);
  }
}
