// With somebody of another server, which we did not write (Synapse), in one forum: both speak, each sees the other.
import { arrive, ask, assert, createRoom, look, messages, play, say, sees } from "./stage.mjs";

let sophie;
let forum;

await play({
  async "somebody of another server comes into a forum and speaks"() {
    sophie = await arrive("Sophie Lambert [Préfecture du Rhône]");
    await createRoom(sophie, "Travaux des ponts", "Forum");
    await say(sophie, "Bonjour à tous");
    await sees(sophie, "Bonjour à tous");
    forum = decodeURIComponent(sophie.url().split("#/room/")[1].split("?")[0]);
    await ask("enter", forum);
    await sees(sophie, "Bonjour de Synapse");
    await look(sophie, "neighbour");
  },
  async "they are answered, reacted to, and hear it"() {
    await say(sophie, "Bienvenue **à vous**");
    await ask("hears", forum);
    await messages(sophie).getByText("👍").first().waitFor();
  },
  async "a direct conversation with them, encrypted"() {
    const them = await ask("who", "x");
    await createRoom(sophie, "", "Message direct", [them]);
    await sophie.getByText(/^Écrire à/).first().waitFor().catch(() => {});
    await sophie.locator("main header").getByText(them.slice(1).split(":")[0], { exact: true }).first().waitFor(); // no identifier
    await look(sophie, "neighbour-direct");
    assert((await ask("invited", "x")) === "true", "they were not invited");
  },
});
