import { describe, expect, test, vi } from "vitest";
import { FakeVerification, settled } from "../../tests/fakes";
import { opened } from "../../tests/opened_main";

describe("places", () => {
  test("a room is opened once the account is read; the list was there before", () => {
    const { model, connection, room } = opened("#/room/!a", { connection: "starting" });
    model.look();
    expect([model.snapshot().ready, room()]).toEqual([false, null]);
    connection.set("offline"); // what this browser has kept is enough
    expect([model.snapshot().ready, room()?.id]).toEqual([true, "!a"]);
  });

  test("links to rooms and messages are followed here, others are not", async () => {
    const { model, world } = opened();
    expect(model.follow("https://example.org/")).toBe(false);
    expect(model.follow("https://matrix.to/#/!a/$event?via=one.example")).toBe(true);
    await settled();
    expect(world.hash).toBe("#/room/!a/%24event");
    model.follow("https://chappe.example/#/room/!other/%24event?via=one.example"); // not a member: it is asked for there
    await settled();
    expect(world.hash).toBe("#/room/!other/%24event?via=one.example");
    model.follow("https://matrix.to/#/%23known%3Ahere.example");
    await settled();
    expect(world.hash).toBe("#/room/!a");
    model.follow("https://matrix.to/#/%23unknown%3Ahere.example");
    await settled();
    expect(model.snapshot().notice?.key).toBe("link.unknown");
  });

  test("a thread has the place of the conversation, which is not opened by it", () => {
    const { model, room } = opened("#/threads");
    expect(room()).toBeNull();
    model.openThread("!a", "$root");
    expect([room()?.id, room()?.timeline]).toEqual(["!a", null]);
    model.openPanel({ name: "person", id: "@anne:here.example" }); // there is no room for it beside a thread
    expect(model.snapshot().route).toMatchObject({ screen: "room", id: "!a", panel: { name: "person" } });
    expect(room()?.timeline).not.toBeNull();
    model.openThread("!a", "$root");
    expect(room()?.timeline).toBeNull();
    model.go({ screen: "threads", room: null, thread: null });
    expect(room()).toBeNull();
  });

  test("the page's address says where one is, and follows where one goes", () => {
    const { model, world, room } = opened("#/forums");
    expect(model.snapshot().route).toEqual({ screen: "forums" });
    model.openRoom("!a");
    expect([world.hash, room()?.id]).toEqual(["#/room/!a", "!a"]);
    model.openPanel({ name: "members" });
    expect(world.hash).toBe("#/room/!a?panel=members");
    model.openPanel(null);
    model.go({ screen: "home" });
    expect([world.hash, room()]).toEqual(["#/", null]);
    model.openPanel({ name: "members" }); // not in a room: nothing
    expect(world.hash).toBe("#/");
  });

  test("a room stays the same while one is in it, and ends with it", () => {
    const { model, follow, room } = opened("#/room/!a");
    model.look();
    const first = room()!;
    const close = vi.spyOn(first, "close");
    const jump = vi.spyOn(first.timeline!, "jump");
    follow("#/room/!a/%24event?panel=pins");
    expect(room()).toBe(first);
    expect(jump).toHaveBeenCalledWith("$event");
    follow("#/room/!b");
    expect([close.mock.calls.length, room()?.id]).toEqual([1, "!b"]);
    const second = vi.spyOn(room()!, "close");
    follow("#/settings");
    expect([second.mock.calls.length, room()]).toEqual([1, null]);
  });

  test("a room is opened only where it is seen: what is open counts as read", () => {
    const { model, world, room } = opened("#/room/!a", { shown: false });
    model.look();
    expect(room()).toBe(null);
    world.shown = true;
    model.look();
    expect(room()?.id).toBe("!a");
  });

  test("somebody is written to in the room that there is with them", async () => {
    const { model, world } = opened();
    await model.write("@anne");
    expect(world.hash).toBe("#/room/!with%40anne");
  });

  test("after the end the address is followed no more", () => {
    const { model, follow } = opened("#/room/!a");
    model.look();
    const close = vi.spyOn(model.snapshot().room!, "close");
    model.close();
    follow("#/forums");
    expect(model.snapshot().route).toMatchObject({ screen: "room" });
    expect(close).toHaveBeenCalledOnce();
  });
});

describe("what is open over it", () => {
  test("a new room, which guests do not make; the switcher; going somewhere shuts them", () => {
    const { model, world } = opened();
    model.openCreate("forum");
    const { dialog } = model.snapshot();
    expect(dialog?.name === "create" && dialog.model.snapshot().kind).toBe("forum");
    model.openSwitcher();
    expect(model.snapshot().dialog?.name).toBe("switcher");
    model.openRoom("!a");
    expect(model.snapshot().dialog).toBe(null);
    const { model: guest } = opened("#/", { guest: true });
    guest.openCreate();
    expect(guest.snapshot().dialog).toBe(null);
    expect(world.hash).toBe("#/room/!a");
  });

  test("what was done is said, once each", () => {
    const { model } = opened();
    model.say("invite.done");
    model.say("invite.done", { a: "b" });
    expect(model.snapshot().notice).toEqual({ key: "invite.done", values: { a: "b" }, turn: 2 });
  });

  test("what is shared waits for an answer", () => {
    const { model } = opened();
    model.openSwitcher();
    const shared = { text: "x", files: [] };
    model.offerShared(shared);
    expect(model.snapshot()).toMatchObject({ shared, dialog: null });
    model.dropShared();
    expect(model.snapshot().shared).toBe(null);
  });
});

describe("verification", () => {
  const isOpen = ({ model }: ReturnType<typeof opened>) => model.snapshot().dialog?.name === "verification";

  const asked = ({ model }: ReturnType<typeof opened>) => model.snapshot().asked;

  test("one that somebody asks for waits until it is opened: nobody is interrupted; shut, it is not offered again", () => {
    const all = opened();
    const incoming = new FakeVerification();
    all.world.incoming = incoming;
    all.changed.fire();
    expect([isOpen(all), asked(all)]).toEqual([false, { name: "me", self: true }]);
    all.model.openAsked();
    expect([isOpen(all), asked(all)]).toEqual([true, null]);
    all.model.closeDialog();
    expect([isOpen(all), incoming.done]).toEqual([false, []]); // another device may answer
    all.changed.fire();
    expect(asked(all)).toBe(null);
    all.world.incoming = new FakeVerification();
    all.changed.fire();
    expect(asked(all)).not.toBe(null);
  });

  test("one that is put off is not refused, and goes away when it has ended", () => {
    const all = opened();
    const incoming = new FakeVerification();
    all.world.incoming = incoming;
    all.changed.fire();
    all.model.putOff();
    all.changed.fire();
    expect([asked(all), isOpen(all), incoming.done]).toEqual([null, false, []]);
    const withdrawn = new FakeVerification();
    all.world.incoming = withdrawn;
    all.changed.fire();
    withdrawn.move("cancelled");
    all.changed.fire();
    expect(asked(all)).toBe(null);
  });

  test("one that another device has answered shuts by itself; one that was accepted here does not", () => {
    for (const [accepted, open] of [
      [false, false],
      [true, true],
    ] as const) {
      const all = opened();
      const incoming = new FakeVerification();
      all.world.incoming = incoming;
      all.changed.fire();
      all.model.openAsked();
      incoming.accepted = accepted;
      incoming.move("started");
      all.changed.fire();
      expect(isOpen(all)).toBe(open);
    }
  });

  test("one's own requests do not open by themselves, those from a card or a list of devices do", async () => {
    const all = opened();
    const own = new FakeVerification();
    own.mine = true;
    all.world.incoming = own;
    all.changed.fire();
    expect(isOpen(all)).toBe(false);
    await all.model.verifyPerson("@anne:a");
    expect(isOpen(all)).toBe(true);
    all.verification.move("done");
    all.model.closeDialog();
    expect(all.verification.done).toEqual([]); // it went well: nothing to withdraw
    await all.model.verifyDevice("D");
    await settled();
    expect(isOpen(all)).toBe(true);
  });
});

test("what is dropped on a room of the list waits in its tray; where one may not write, that is said", async () => {
  const { model } = opened();
  model.bring("!a", [new File(["x"], "plan.pdf")], "à lire");
  await settled();
  const { composer } = model.snapshot().room!;
  expect(composer!.tray.snapshot().files.map((each) => each.name)).toEqual(["plan.pdf"]);
  expect(composer!.text.value).toBe("à lire");
  model.bring("!nowhere", [new File(["x"], "plan.pdf")]);
  expect(model.snapshot()).toMatchObject({ route: { id: "!nowhere" }, notice: { key: "tray.readOnly" } });
});
