import { afterEach, describe, expect, test, vi } from "vitest";
import { encryption, FakeClock, ME, settled, signal, signedIn, summary } from "../../tests/fakes";
import type { Rules } from "../matrix/agency";
import type { Configuration } from "../matrix/configuration";
import type { Ended } from "../matrix/ended";
import { type Session, SignInError } from "../matrix/session";
import type { Sessions } from "../matrix/sessions";
import type { SomeEncryption } from "../matrix/signed_in";
import type { Barred, Connection } from "../matrix/types";
import { Source } from "../platform/stream";
import { AppViewModel } from "./app";
import { Drafts } from "./drafts";
import { Preferences } from "./preferences";
import { SpaceViewModel } from "./space";

afterEach(() => vi.restoreAllMocks());

const CONFIGURATION = { serverName: "here.example", brand: { name: "Chappe" } } as Configuration;
const SESSION: Session = {
  userId: ME, deviceId: "D", accessToken: "t", refreshToken: null, clientId: "c", tokenEndpoint: "", revocationEndpoint: "",
}; // biome-ignore format: one line

interface Given {
  /** When the index has let its store go. */
  letGo?: Promise<void>;
  sessions?: Partial<Sessions>;
  configuration?: Configuration | null;
  session?: Session | null;
  query?: string;
  finishes?: Error | null;
  holds?: boolean;
  /** The tab that holds the session is awake. */
  answers?: boolean;
  starts?: boolean;
  opens?: boolean;
  connection?: Connection;
  state?: SomeEncryption["state"];
  rooms?: number;
  later?: boolean;
  rules?: boolean;
  shared?: boolean;
  hash?: string;
  /** What the server is asked about keys. */
  keys?: Promise<void>;
}

async function begun(given: Given = {}) {
  const connection = new Source<Connection>(given.connection ?? "online");
  const barred = new Source<Barred | null>(null);
  const trusted = signal();
  const done: string[] = [];
  const world = {
    state: given.state ?? ("ready" as SomeEncryption["state"]),
    holds: given.holds ?? true,
    later: given.later ?? false,
  };
  let lose = (): void => {};
  let come = (_place: string): void => {};
  let end = (_why: Ended): void => {};
  const note = (name: string) => async (): Promise<void> => void done.push(name);
  const matrix = signedIn({
    connection,
    barred,
    rooms: { list: () => Array.from({ length: given.rooms ?? 1 }, () => summary({ id: "!a" })) },
    agency: { rules: given.rules ? ({ me: { is_guest: false } } as Rules) : null },
    console: { rights: async () => ({ everywhere: true, organisations: [], has_codes: true }) },
    encryption: encryption({
      changed: trusted,
      get state() {
        return world.state;
      },
      refresh: () => given.keys ?? Promise.resolve(),
      recovery: { codeCreated: () => null, exists: async () => true, newCode: async () => ({ privateKey: new Uint8Array() }) },
    }),
    directory: { mayArrange: () => false, inSpace: async () => [] },
    index: {
      start: note("index starts"),
      stop: async () => {
        done.push("index stops");
        await given.letGo;
        if (given.letGo) done.push("let go");
      },
      count: 0,
    },
    open: async () => {
      if (given.opens === false) throw new Error("no store");
    },
    retry: () => void done.push("retry"),
    stop: () => void done.push("stop"),
    signOut: note("sign out"),
    leave: async () => SESSION,
  });
  const sessions: Sessions = {
    configuration: async () => (given.configuration === undefined ? CONFIGURATION : given.configuration),
    load: async () => (given.session === undefined ? SESSION : (given.session ?? undefined)),
    isWayBack: (query) => query.has("state"),
    finish: async () => {
      if (given.finishes) throw given.finishes;
      return SESSION;
    },
    hold: async (lost, takeOver = false) => {
      lose = lost;
      return world.holds || takeOver;
    },
    bringThere: async (place) => {
      done.push(`bring ${place}`);
      return given.answers ?? true;
    },
    hearOfPlaces: (go) => {
      come = go;
      return () => void done.push("hears no more");
    },
    start: async (_session, _configuration, ended) => {
      if (given.starts === false) throw new Error("no store");
      end = ended;
      return matrix;
    },
    keepDevice: note("keep device"),
    revoke: note("revoke"),
    forget: note("forget"),
    signInByToken: async (token) => {
      if (token === "bad") throw new SignInError("expired");
      done.push(`token ${token}`);
      return SESSION;
    },
    putOff: () => {
      world.later = true;
    },
    wasPutOff: () => world.later,
    ...given.sessions,
  };
  let hash = given.hash ?? "#/";
  const page = {
    query: new URLSearchParams(given.query ?? ""),
    origin: "https://chappe.example",
    hash: () => hash,
    setHash: (next: string) => {
      hash = next;
    },
    onHash: () => () => {},
    leave: (url: string) => void done.push(`leave ${url}`),
    takeShared: async () => (given.shared ? { text: "x", files: [] } : null),
    isVisible: () => true,
    notify: () => {},
    mayNotify: () => "ask" as const,
    askNotify: async () => true,
    play: () => {},
    setBadge: () => {},
    text: (key: string) => key,
  };
  const drafts = new Drafts({ load: async () => ({}), save: async () => {} }, new FakeClock());
  const preferences = new Preferences({ getItem: () => null, setItem: () => {} }, "fr");
  const model = new AppViewModel(page, preferences, sessions, drafts);
  const stages: string[] = [];
  model.subscribe(() => {
    const { name } = model.snapshot().stage;
    if (stages.at(-1) !== name) stages.push(name);
  });
  await model.start();
  await settled();
  const stage = () => model.snapshot().stage.name;
  return {
    model,
    connection,
    barred,
    trusted,
    done,
    world,
    stages,
    stage,
    origin: "https://chappe.example",
    hash: () => hash,
    lose: () => lose(),
    come: (place: string) => come(place),
    end: (why: Ended) => end(why),
  };
}

/** The problem that the sign-in form shows. */
const problemOf = (model: AppViewModel): unknown => {
  const { stage } = model.snapshot();
  return stage.name === "sign-in" ? stage.model.snapshot().problem : stage.name;
};

describe("beginning", () => {
  test("somebody who was here before goes straight to their rooms", async () => {
    const { model, stages, done } = await begun({ hash: "#/room/!a", rules: true });
    expect(stages).toEqual(["loading", "starting", "main"]);
    expect(model.snapshot()).toMatchObject({
      connection: "online",
      encryption: "starting",
      me: { id: ME },
      rights: { everywhere: true },
    });
    expect(done).toContain("index starts");
    const { stage } = model.snapshot();
    expect(stage.name === "main" && stage.model.snapshot().room?.id).toBe("!a");
    expect(model.userId).toBe(ME);
  });

  test.each<[string, Given, string]>([
    ["nobody was here", { session: null }, "sign-in"],
    ["the server was never heard", { configuration: null }, "unreachable"],
    ["another tab has the session", { holds: false }, "other-tab"],
    ["the account cannot be opened", { starts: false }, "unreachable"],
    ["the first sync is still awaited", { connection: "starting", rooms: 0 }, "starting"],
    ["the list of last time is at hand, the account not yet", { connection: "starting" }, "main"],
    ["what was kept cannot be read", { connection: "starting", opens: false }, "unreachable"],
    ["it is the first sign-in", { state: "new", rooms: 0 }, "first-run"],
    ["this device is not confirmed", { state: "unconfirmed" }, "confirm"],
    ["that was put off in this tab", { state: "unconfirmed", later: true }, "main"],
    ["there is no network, but what was kept", { connection: "offline" }, "main"],
  ])("where %s", async (_name, given, expected) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    expect((await begun(given)).stage()).toBe(expected);
  });

  test.each<[string, Given, unknown]>([
    ["went well", { query: "state=s&code=c" }, "main"],
    ["was refused there", { query: "state=s&error=e", finishes: new SignInError("refused") }, "refused"],
    ["went wrong", { query: "state=s&code=c", finishes: new TypeError("failed") }, "other"],
  ])("on the way back from signing in, which %s", async (_name, given, expected) => {
    const { model, hash } = await begun({ session: null, ...given });
    expect([problemOf(model), hash()]).toEqual([expected, "#/"]);
  });

  test("on the way back the server is asked who it is before anything has come, and never again with the same code", async () => {
    const asked: string[] = [];
    const answers = [null, CONFIGURATION];
    const sessions: Partial<Sessions> = {
      configuration: async () => {
        asked.push("configuration");
        return answers.shift() ?? null;
      },
      finish: async () => {
        asked.push("who");
        return SESSION;
      },
    };
    const { model, stage } = await begun({ session: null, query: "state=s&code=c", sessions });
    expect([asked, stage()]).toEqual([["who", "configuration"], "unreachable"]);
    await model.start();
    await settled();
    expect([asked, stage()]).toEqual([["who", "configuration", "configuration"], "main"]);
  });

  test("an address is brought along to the form", async () => {
    const { model } = await begun({ session: null, query: "address=anne" });
    const { stage } = model.snapshot();
    expect(stage.name === "sign-in" && stage.model.snapshot().address).toBe("anne");
  });

  test("whose account was made in this browser just now goes on without a press", async () => {
    for (const [query, problem] of [
      ["address=anne&enter=1", "offline"], // there is no server to be asked here
      ["address=anne", null],
    ] as const)
      expect(problemOf((await begun({ session: null, query })).model)).toBe(problem);
  });

  test("once the first sync is there, the rooms are; what was shared is offered over them", async () => {
    const { model, connection, stage } = await begun({ connection: "starting", shared: true });
    connection.set("online");
    await settled();
    const { stage: now } = model.snapshot();
    expect([stage(), now.name === "main" && now.model.snapshot().shared?.text]).toEqual(["main", "x"]);
  });

  test.each([
    ["#/room/!b", true, ["bring #/room/!b"], true],
    ["#/room/!b", false, ["bring #/room/!b"], false],
    ["#/", true, [], false],
  ])("a link to %s that opens beside a tab that runs leads there", async (hash, answers, asked, brought) => {
    const { model, done } = await begun({ holds: false, hash, answers });
    expect(model.snapshot().stage).toEqual({ name: "other-tab", brought });
    expect(done).toEqual(asked);
  });

  test("a tab that runs goes where another one was told to go, and says so", async () => {
    const { model, come } = await begun();
    come("#/settings/devices");
    const { stage } = model.snapshot();
    expect(stage.name === "main" && stage.model.snapshot()).toMatchObject({
      route: { screen: "settings" },
      notice: { key: "otherTab.came" },
    });
  });

  test("a session is taken over from another tab, and lost to one", async () => {
    const { model, stage, lose, done } = await begun({ holds: false });
    model.useHere();
    await settled();
    expect(stage()).toBe("main");
    lose();
    expect([stage(), done.at(-1)]).toEqual(["other-tab", "stop"]);
  });
});

describe("meanwhile", () => {
  test("the network, trust and being let in are followed", async () => {
    const { model, connection, barred, trusted, world, stage, done } = await begun();
    connection.set("offline");
    expect(model.snapshot().connection).toBe("offline");
    world.state = "no-code";
    trusted.fire();
    expect(model.snapshot().encryption).toBe("no-code");
    barred.set("locked");
    expect(stage()).toBe("barred");
    model.retry();
    barred.set(null);
    expect(done.slice(-2)).toEqual(["retry", "leave /"]); // begun afresh
  });

  test("an account that is barred while the first questions are open stays so when they are answered", async () => {
    let answer = (): void => {};
    const keys = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { barred, stage, done } = await begun({ keys });
    expect(stage()).toBe("main"); // what was kept is shown meanwhile
    barred.set("expired");
    answer();
    await settled();
    expect([stage(), done.includes("index starts")]).toEqual(["barred", false]);
  });

  test("this device is confirmed, or that is put off; a code is made or begun anew", async () => {
    const { model, world, trusted, stage } = await begun({ state: "unconfirmed" });
    model.confirmLater();
    expect([stage(), world.later]).toEqual(["main", true]);
    model.askConfirm();
    const { stage: asking } = model.snapshot();
    if (asking.name === "confirm") {
      asking.model.typeName(asking.model.myName);
      asking.model.reset();
    }
    expect(stage()).toBe("first-run");
    world.state = "ready"; // of the keys that take the place of the old ones: what was asked before is over
    trusted.fire();
    expect(stage()).toBe("first-run");
    model.confirmLater();
    expect(stage()).toBe("main");
    world.state = "unconfirmed";
    model.askConfirm();
    world.state = "ready";
    trusted.fire();
    expect(stage()).toBe("main");
    model.replaceCode();
    trusted.fire();
    expect(stage()).toBe("first-run");
  });

  test("parts of the page get view models of the account; without one there is nothing to make them of", async () => {
    const { model, hash } = await begun();
    expect(model.make(SpaceViewModel, "!s", () => {})).toBeInstanceOf(SpaceViewModel);
    expect(model.media).toBe(model.media);
    model.openRoom("!b");
    expect(hash()).toBe("#/room/!b");
    const { model: nobody, hash: kept } = await begun({ session: null });
    expect(() => nobody.media).toThrow("nobody is signed in");
    nobody.openRoom("!b"); // a notification was clicked: where to go once there is somebody
    expect(kept()).toBe("#/room/!b");
  });
});

describe("the end", () => {
  test("who signs out leaves nothing behind", async () => {
    const { model, done } = await begun();
    await model.signOut();
    expect(done.slice(-4)).toEqual(["index stops", "sign out", "forget", "leave /"]);
  });

  test("what the index holds is removed once it has let it go", async () => {
    let letGo = () => {};
    const { model, done } = await begun({ letGo: new Promise<void>((resolve) => (letGo = resolve)) });
    const signedOut = model.signOut();
    await settled();
    expect(done.at(-1)).toBe("sign out");
    letGo();
    await signedOut;
    expect(done.slice(-3)).toEqual(["let go", "forget", "leave /"]);
  });

  test.each<[Ended, string]>([
    ["again", "keep device"],
    ["unusual", "keep device"],
    ["password", "forget"],
    ["closed", "forget"],
  ])("a session that ended elsewhere (%s) says why: %s", async (why, what) => {
    const { model, end, done } = await begun();
    end(why);
    end(why); // several requests learn of it
    await settled();
    expect(done.slice(-3)).toEqual(["index stops", "stop", what]);
    expect(problemOf(model)).toBe(why);
  });

  test("a post's session gives back the one that took it", async () => {
    const { end, done } = await begun({ session: { ...SESSION, parent: SESSION } });
    end("ended");
    await settled();
    expect(done.slice(-2)).toEqual(["revoke", "forget"]);
  });

  test("a post is taken in place of one's own session; where that fails, that one is ended", async () => {
    const { model, done } = await begun();
    await model.changeTo("good");
    expect(done.slice(-4)).toEqual(["index stops", "forget", "token good", "leave /"]);
    const { model: failing, done: after } = await begun();
    await expect(failing.changeTo("bad")).rejects.toThrow("expired");
    expect(after.slice(-2)).toEqual(["forget", "revoke"]);
  });
});
