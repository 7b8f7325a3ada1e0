import { beforeAll, describe, expect, test } from "vitest";
import { conversation, details, FakeClock, item, person, refusal, settled } from "../../tests/fakes";
import type { Classification, Item, Outgoing, RoomKind } from "../matrix/types";
import type { PreparedFile } from "../platform/prepared_file";
import { ComposerViewModel, LARGE_PASTE } from "./composer";
import { Drafts } from "./drafts";
import type { Called } from "./services";

beforeAll(async () => void (await import("./markdown"))); // loaded once: from then on sending waits for nothing

const ANNE = person("@anne:here.example", "Anne");

interface Given {
  kind?: RoomKind;
  typing?: boolean;
  lastOwn?: Item | null;
  refused?: boolean;
  draft?: string;
  people?: Called[];
  level?: Classification | null;
}

async function opened({
  kind = "private",
  typing = true,
  lastOwn = null,
  refused = false,
  draft = "",
  people = [ANNE],
  level = null,
}: Given = {}) {
  const clock = new FakeClock();
  const sent: Outgoing[] = [];
  const done: unknown[] = [];
  const files: Array<[string, Outgoing | null]> = [];
  const waiting: Array<{ id: string; at: number }> = [];
  const drafts = new Drafts({ load: async () => ({ "!room": draft }), save: async () => {} }, clock);
  await drafts.open();
  const note =
    (name: string) =>
    async (...given: unknown[]): Promise<void> => {
      if (refused) throw refusal("M_FORBIDDEN");
      done.push([name, ...given]);
    };
  const room = conversation({
    send: async (message) => {
      if (refused) throw refusal("M_FORBIDDEN");
      sent.push(message);
    },
    outgoing: { add: (_thread, file, caption) => void files.push([file.name, caption]) },
    setTyping: (is) => void done.push(["typing", is]),
    members: { invite: async (...given) => note("invite")(...given).then(() => true), kick: note("kick"), ban: note("ban") },
    settings: { setTopic: note("topic"), setName: note("name") },
    scheduled: {
      list: async () => [...waiting],
      add: async (_message, _thread, at) => {
        if (refused) throw refusal("M_LIMIT_EXCEEDED");
        waiting.push({ id: "w", at });
        return "w";
      },
      remove: async (id, now) => {
        done.push(["remove", id, now]);
        waiting.pop();
      },
    },
  });
  const model = new ComposerViewModel(
    {
      conversation: room,
      drafts,
      details: () => details({ kind, level }),
      people: async () => people,
      callsAll: () => true,
      emoji: async () => [{ emoji: "🐶", name: "chien" }],
      named: async (word) => (word === "chien" ? "🐶" : null),
      choose: async (file) => ({
        file: { blob: file, name: file.name, kind: "file" }, original: file, traces: [], keepsTraces: false, isReducible: false, picture: null,
      }), // biome-ignore format: as it is
      reduce: async () => null,
      reducesImages: () => false,
      reduceImages: () => {},
      fileLimit: async () => 0,
      lastOwn: () => lastOwn,
      sendTyping: () => typing,
      openPoll: () => done.push("poll"),
      left: () => done.push("left"),
    },
    null,
    clock,
  );
  await settled();
  const say = async (text: string): Promise<void> => {
    model.type(text, text);
    await model.send();
  };
  return { clock, sent, done, files, drafts, model, say };
}

/** What is in the field, and what is around it. */
const shown = (model: ComposerViewModel) => ({ ...model.snapshot(), text: model.text.value });

describe("a letter", () => {
  test("is the field's alone: whatever else looks at the composer hears of the first one, and of the last that is taken away", async () => {
    const { model } = await opened();
    const heard: boolean[] = [];
    const followed: string[] = [];
    model.subscribe(() => heard.push(model.snapshot().isBlank));
    model.text.listen((text) => followed.push(text));
    const words = "Bonjour à vous, voici les chiffres de ce matin";
    for (let end = 1; end <= words.length; end += 1) model.type(words.slice(0, end), words.slice(0, end));
    await settled();
    expect([heard, followed.length]).toEqual([[false], words.length]);
    model.type("", "");
    await settled();
    expect(heard).toEqual([false, true]);
  });

  test("moves the suggestions where a word asks for some, and takes them away once", async () => {
    const { model } = await opened();
    const heard: number[] = [];
    model.subscribe(() => heard.push(model.snapshot().suggestions.length));
    for (const each of ["@", "@a", "@an", "@an ", "@an l", "@an le", "@an le "]) {
      model.type(each, each);
      await settled();
    }
    expect(heard).toEqual([0, 1, 1, 1, 0]);
  });
});

describe("a draft", () => {
  test("is there again, and gone once it was sent", async () => {
    const { model, drafts, sent } = await opened({ draft: "Bonj" });
    expect(model.text.value).toBe("Bonj");
    model.type("Bonjour", "Bonjour");
    expect(drafts.of("!room", null)).toBe("Bonjour");
    await model.send();
    expect([model.text.value, drafts.of("!room", null), sent[0].body]).toEqual(["", "", "Bonjour"]);
  });

  test("waits while a message is edited", async () => {
    const own = item({ mine: true, content: { type: "text", body: "avant", html: null, emote: false, notice: false } });
    const { model, drafts, sent } = await opened({ draft: "Bonj", lastOwn: own });
    expect(model.editLast()).toBe(false); // something was begun
    model.edit(own);
    model.type("après", "après");
    expect(drafts.of("!room", null)).toBe("Bonj");
    await model.send();
    expect(sent).toMatchObject([{ body: "après", edits: own.eventId }]);
    expect(shown(model)).toMatchObject({ text: "Bonj", editing: null });
  });
});

describe("whom a message names", () => {
  const link = `<a href="https://matrix.to/#/${encodeURIComponent(ANNE.id)}">@${ANNE.name}</a>`;
  const body = `Bonjour @${ANNE.name}`;
  const named = item({ mine: true, content: { type: "text", body, html: `Bonjour ${link}`, emote: false, notice: false } });

  test("outlives an edit, and they are not told twice", async () => {
    const { model, say, sent } = await opened();
    model.edit(named);
    await say(`${body} !`);
    expect(sent).toMatchObject([{ mentions: [ANNE.id], told: [ANNE.id] }]);
    expect(sent[0].html).toContain(link);
  });

  test("outlives a reload of a draft, and what was edited meanwhile", async () => {
    const { model, say, sent } = await opened({ draft: body });
    model.edit(item({ mine: true, content: { type: "text", body: "autre", html: null, emote: false, notice: false } }));
    await say("autre chose");
    await settled();
    await say(body);
    expect(sent).toMatchObject([{ mentions: [] }, { mentions: [ANNE.id] }]);
  });
});

describe("sending", () => {
  test("nothing is sent for nothing", async () => {
    const { say, sent } = await opened();
    await say("  ");
    expect(sent).toEqual([]);
  });

  test("an answer names whom it answers, not oneself", async () => {
    const { model, say, sent } = await opened();
    const theirs = item({ sender: ANNE });
    model.reply(theirs);
    expect(model.snapshot().reply).toBe(theirs);
    await say("oui");
    model.reply(item({ mine: true }));
    await say("encore");
    expect(sent).toMatchObject([{ replyTo: theirs.eventId, mentions: [ANNE.id] }, { mentions: [] }]);
    expect(model.snapshot().reply).toBe(null);
  });

  test("the arrow takes what one said last, and only text may be edited", async () => {
    const own = item({ mine: true });
    const { model } = await opened({ lastOwn: own });
    expect(model.editLast()).toBe(true);
    expect(shown(model)).toMatchObject({ editing: own, text: `message ${own.eventId}` });
    model.escape();
    model.edit(item({ content: { type: "locked", reason: "broken" } }));
    expect(model.snapshot().editing).toBe(null);
  });

  test.each<[RoomKind, boolean]>([
    ["forum", true],
    ["guests", true],
    ["private", false],
    ["direct", false],
  ])("in a room of kind %s what should perhaps not leave is asked about: %s", async (kind, asks) => {
    const { model, say, sent } = await opened({ kind });
    await say("mot de passe : soleil2026");
    expect([model.snapshot().worry, sent.length]).toEqual(asks ? ["secret", 0] : [null, 1]);
    if (!asks) return;
    await model.send(true);
    expect(sent).toHaveLength(1);
  });

  test("a refusal stays with the message in the timeline: the field is free for the next", async () => {
    const { model, say } = await opened({ refused: true });
    await say("Bonjour");
    expect(shown(model)).toMatchObject({ text: "", problem: null });
  });

  test("what is sent later is shown as waiting, and may leave at once or not at all", async () => {
    const { model, done } = await opened();
    model.type("demain", "demain");
    await model.send(false, 5);
    expect(shown(model)).toMatchObject({ text: "", scheduled: [{ id: "w", at: 5 }] });
    await model.unschedule("w", true);
    expect(done.at(-1)).toEqual(["remove", "w", true]);
    expect(model.snapshot().scheduled).toEqual([]);
  });

  test("what cannot be sent later comes back into the field", async () => {
    const { model } = await opened({ refused: true });
    model.type("demain", "demain");
    await model.send(false, 5);
    expect(shown(model)).toMatchObject({ text: "demain", problem: { key: "error.M_LIMIT_EXCEEDED" }, scheduled: [] });
  });
});

describe("commands", () => {
  test.each([
    ["/topic Crue de la Loire", ["topic", "Crue de la Loire"]],
    ["/name Crue", ["name", "Crue"]],
    ["/invite @a:b", ["invite", "@a:b"]],
    ["/kick @a:b trop bruyant", ["kick", "@a:b", "trop bruyant"]],
    ["/ban @a:b", ["ban", "@a:b", ""]],
    ["/poll", "poll"],
    ["/leave", "left"],
  ])("%s", async (typed, expected) => {
    const { model, say, sent, done } = await opened({ typing: false });
    await say(typed);
    expect(done.filter((each) => each !== undefined && (each as unknown[])[0] !== "typing")).toEqual([expected]);
    expect([sent, model.text.value]).toEqual([[], ""]);
  });

  test("somebody is named as they are called", async () => {
    const { model, done } = await opened({ typing: false });
    model.type("/invite @An", "/invite @An");
    await settled();
    const [suggestion] = model.snapshot().suggestions;
    model.type(`/invite ${model.completion(suggestion)}`, "");
    await model.send();
    expect(done).toContainEqual(["invite", ANNE.id]);
  });

  test("one that nobody knows, or that is refused, stays in the field with the reason", async () => {
    const { model, say, sent } = await opened();
    await say("/dance");
    expect(shown(model)).toMatchObject({
      text: "/dance",
      problem: { key: "composer.unknownCommand", values: { name: "dance" } },
    });
    const { model: refused, say: again } = await opened({ refused: true });
    await again("/topic x");
    expect(shown(refused)).toMatchObject({ text: "/topic x", problem: { key: "error.M_FORBIDDEN" } });
    expect(sent).toEqual([]);
  });

  test("two slashes begin a message, /me and /plain are ones", async () => {
    const { say, sent } = await opened();
    for (const typed of ["//chemin", "/me arrive", "/plain **x**"]) await say(typed);
    expect(sent.map(({ body, emote, html }) => [body, emote ?? false, html])).toEqual([
      ["/chemin", false, null],
      ["arrive", true, null],
      ["**x**", false, null],
    ]);
  });
});

describe("completion", () => {
  test("is offered, moved through, taken, and closed", async () => {
    const { model, sent } = await opened();
    model.type("@an", "@an");
    await settled();
    expect(model.snapshot().suggestions).toMatchObject([{ kind: "person", key: ANNE.id }]);
    model.move(1);
    expect(model.snapshot().chosen).toBe(0); // around
    expect(model.completion(model.snapshot().suggestions[0])).toBe("@Anne ");
    expect(model.snapshot().suggestions).toEqual([]);
    model.type("@Anne oui", "@Anne oui");
    await model.send();
    expect(sent[0].mentions).toEqual([ANNE.id]);
  });

  test("what is still being looked for is not offered once something was taken", async () => {
    const { model } = await opened();
    model.type("@an", "@an");
    model.completion({ kind: "command", key: "me", name: "me" });
    await settled();
    expect(model.snapshot().suggestions).toEqual([]);
  });

  test.each([
    [{ kind: "room", key: "@room" } as const, "@salon "],
    [{ kind: "emoji", key: "🐶", emoji: "🐶", name: "chien" } as const, "🐶 "],
    [{ kind: "command", key: "me", name: "me" } as const, "/me "],
  ])("%j", async (suggestion, text) => {
    expect((await opened()).model.completion(suggestion)).toBe(text);
  });
});

describe("the field", () => {
  test("escape leaves the innermost first", async () => {
    const { model } = await opened({ kind: "forum" });
    model.reply(item());
    model.type("mot de passe : soleil2026 :ch", "mot de passe : soleil2026 :ch");
    await settled();
    await model.send();
    model.type(`${model.text.value} :ch`, ":ch");
    await settled();
    const open = () => [model.snapshot().suggestions.length > 0, model.snapshot().worry, model.snapshot().reply !== null];
    await model.send();
    expect(open()).toEqual([true, "secret", true]);
    for (const expected of [
      [false, "secret", true],
      [false, null, true],
      [false, null, false],
    ]) {
      expect(model.escape()).toBe(true);
      expect(open()).toEqual(expected);
    }
    expect(model.escape()).toBe(false);
  });

  test("signs are put around what is selected, and taken away again", async () => {
    const { model } = await opened();
    model.type("un mot ici", "");
    model.wrap("**", 3, 6);
    expect(shown(model)).toMatchObject({ text: "un **mot** ici", caret: { at: 10 } });
    model.wrap("**", 5, 8);
    expect(shown(model)).toMatchObject({ text: "un mot ici", caret: { at: 6 } });
    model.wrap("_", 10, 10);
    expect(shown(model)).toMatchObject({ text: "un mot ici__", caret: { at: 11 } });
    model.insert("X", 0, 2);
    expect(shown(model)).toMatchObject({ text: "X mot ici__", caret: { at: 1 } });
  });

  test("an emoji takes the place of its name once that is written to its end", async () => {
    const { model } = await opened();
    model.type("vu :chien:", "vu :chien:");
    await settled();
    expect(model.snapshot()).toMatchObject({ named: { emoji: "🐶" }, suggestions: [] });
    model.type("à 10:30:", "à 10:30:");
    await settled();
    expect(model.snapshot().suggestions).toEqual([]);
  });

  test("a part of a message is quoted above what was written, and answered", async () => {
    const { model } = await opened();
    model.type("déjà là", "déjà là");
    const said = item();
    model.quote(said, "une ligne\n\nune autre");
    expect(shown(model)).toMatchObject({ text: "> une ligne\n>\n> une autre\n\ndéjà là", reply: said });
    expect(model.snapshot().caret.at).toBe(model.text.value.length);
  });

  test("typing is told at most every fifteen seconds, and its end once; never for a command, never against one's wish", async () => {
    const { model, clock, done } = await opened();
    const write = async (text: string): Promise<void> => {
      model.type(text, text);
      await clock.pass(200);
    };
    model.type("a", "a");
    expect(done).toEqual([]); // the letter is drawn first
    await clock.pass(200);
    await write("ab");
    await clock.pass(15_000);
    for (const each of ["abc", "", "", "/me"]) await write(each);
    expect(done).toEqual([
      ["typing", true],
      ["typing", true],
      ["typing", false],
    ]);
    const { model: silent, done: told, clock: quiet } = await opened({ typing: false });
    silent.type("a", "a");
    await quiet.pass(200);
    expect(told).toEqual([]);
  });

  test("a long paste is offered as a file, a short one is text", async () => {
    const { model } = await opened();
    expect(model.paste("x".repeat(LARGE_PASTE - 1))).toBe(false);
    const long = "x".repeat(LARGE_PASTE);
    expect(model.paste(long)).toBe(true);
    expect(model.snapshot().pasted).toBe(long);
    model.pasteAs("text", "");
    expect(shown(model)).toMatchObject({ pasted: null, text: long });
    model.paste(long);
    model.pasteAs("file", "notes.txt");
    await settled();
    expect(model.tray.snapshot().files).toMatchObject([{ name: "notes.txt", size: LARGE_PASTE }]);
  });

  test("files leave with what is written, through the warning about secrets too; an edit leaves them in the tray", async () => {
    const { model, files } = await opened({ kind: "forum" });
    model.tray.add([new File(["x"], "a.pdf")]);
    await settled();
    model.edit(item({ mine: true, content: { type: "text", body: "avant", html: null, emote: false, notice: false } }));
    model.type("après", "");
    await model.send();
    expect([files.length, model.tray.count]).toEqual([0, 1]);
    model.tray.caption(model.tray.snapshot().files[0].id, "mot de passe : soleil2026");
    await model.send();
    expect([files.length, model.snapshot().worry]).toEqual([0, "secret"]);
    model.reply(item({ eventId: "$asked" }));
    await model.send(true);
    await settled();
    expect(files.map(([name, caption]) => [name, caption?.body, caption?.replyTo])).toEqual([
      ["a.pdf", "mot de passe : soleil2026", "$asked"],
    ]);
    expect(shown(model)).toMatchObject({ reply: null, text: "" });
  });

  test("what was recorded leaves at once, where such files may", async () => {
    const level = {
      name: "r",
      labels: {},
      guests: false,
      retention_days: 0,
      forwarding: false,
      link_sharing: false,
      history_sharing: false,
      calls: true,
    };
    const voice: PreparedFile = { blob: new Blob(["x"], { type: "audio/ogg" }), name: "voice.ogg", kind: "voice" };
    const { model, files } = await opened();
    model.sendRecorded(voice);
    expect(files).toEqual([["voice.ogg", null]]);
    const { model: bound, files: none } = await opened({ level: { ...level, files: true, file_types: ["application/pdf"] } });
    bound.sendRecorded(voice);
    expect([none, bound.snapshot().problem?.key]).toEqual([[], "tray.not-allowed"]);
  });
});

describe("a service", () => {
  const room = (count: number): Called[] =>
    Array.from({ length: count }, (_, at) => ({ ...person(`@${at}:a`, `Agent ${at}`), service: "Presse" }));
  const choose = async (model: ComposerViewModel, before: string): Promise<void> => {
    model.type(before, before);
    await settled();
    const suggestion = model.snapshot().suggestions.find((each) => each.kind === "service")!;
    const text = before.replace(/@\S*$/, model.completion(suggestion));
    model.type(text, text);
  };

  test("that is chosen tells those of it who are in the room", async () => {
    const { model, sent } = await opened({ people: room(3) });
    await choose(model, "Bonjour @pre");
    await model.send();
    expect(sent).toMatchObject([{ body: "Bonjour @Presse (3)", mentions: ["@0:a", "@1:a", "@2:a"] }]);
    model.type("@Presse", "");
    await model.send();
    expect(sent[1]).toMatchObject({ body: "@Presse", mentions: [] }); // nobody chose it
  });

  test("of more people than a message may name keeps it, and says so", async () => {
    const { model, sent } = await opened({ people: room(101) });
    await choose(model, "@pre");
    await model.send();
    expect(sent).toEqual([]);
    expect(shown(model)).toMatchObject({
      text: "@Presse ",
      problem: { key: "composer.tooManyNamed", values: { named: 101, most: 100 } },
    });
    model.type("court", "court");
    expect(model.snapshot().problem).toBeNull();
  });

  test("is found again in a draft, as it is then", async () => {
    const { model, sent } = await opened({ people: room(2), draft: "@Presse vu" });
    await model.send();
    expect(sent).toMatchObject([{ body: "@Presse (2) vu", mentions: ["@0:a", "@1:a"] }]);
  });

  test("of a message that is edited is who it told", async () => {
    const services = [{ name: "Presse", ids: ["@9:a"] }];
    const { model, sent } = await opened({ people: room(2) });
    model.edit(
      item({ mine: true, content: { type: "text", body: "@Presse (1)", html: null, emote: false, notice: false, services } }),
    );
    model.type("@Presse (1) vite", "");
    await model.send();
    expect(sent).toMatchObject([{ body: "@Presse (1) vite", mentions: ["@9:a"], told: ["@9:a"], services }]);
  });
});
