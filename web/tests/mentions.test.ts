import type { Room } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { messageContent } from "../src/matrix/message_content";

test("an edit tells those whom the message did not name before; it names all of them", () => {
  const mentions = ["@anne:here.example", "@karim:here.example"];
  const message = { body: "a", html: null, mentions, mentionsRoom: false, edits: "$1", told: [mentions[0]] };
  expect(messageContent({} as Room, message, null)).toMatchObject({
    "m.mentions": { user_ids: [mentions[1]] },
    "m.new_content": { "m.mentions": { user_ids: mentions } },
  });
  expect(messageContent({} as Room, { ...message, told: mentions }, null)["m.mentions"]).toEqual({});
});
