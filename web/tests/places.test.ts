import { expect, test } from "vitest";
import { message } from "../src/matrix/item_content";

const shown = (content: object) => message({ msgtype: "m.location", body: "Pont Nord", ...content });

test.each([
  ["geo:48.78,2.13", { latitude: 48.78, longitude: 2.13, accuracy: null }],
  ["geo:48.78,2.13;u=20", { latitude: 48.78, longitude: 2.13, accuracy: 20 }],
  ["geo:-12,-77.05,120;crs=wgs84;u=3.5", { latitude: -12, longitude: -77.05, accuracy: 3.5 }],
])("%s is a place", (geo_uri, place) => {
  expect(shown({ geo_uri })).toMatchObject({ type: "place", text: "Pont Nord", ...place });
});

test("its words come from either form; an address that is repeated in them is left out", () => {
  const location = { uri: "geo:1,2", description: "Ici" };
  expect(shown({ "org.matrix.msc3488.location": location })).toMatchObject({ text: "Ici", latitude: 1 });
  expect(shown({ geo_uri: "geo:1,2", body: "geo:1,2" })).toMatchObject({ text: "" });
});

test.each(["", "geo:", "geo:91,2", "geo:1,181", "geo:1", "geo:NaN,2", "https://maps.example/?q=1,2", 7, { uri: "geo:1,2" }])(
  "%s is none: its words are shown",
  (geo_uri) => expect(shown({ geo_uri })).toEqual({ type: "unsupported", body: "Pont Nord" }),
);
