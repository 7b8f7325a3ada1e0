import { expect, test } from "vitest";
import { compose } from "./markdown";

test.each([
  ["bonjour", "bonjour", null],
  ["**19 h**", "**19 h**", "<strong>19 h</strong>"],
  ["<b>x</b>", "<b>x</b>", null],
  ["a\nb", "a\nb", null],
  ["![x](https://e.org/p.png)", "![x](https://e.org/p.png)", '<a href="https://e.org/p.png">x</a>'],
  ["/me arrive", "arrive", null],
  ["/plain **x**", "**x**", null],
  ["un \\*astérisque\\*", "un *astérisque*", null],
  ["||caché||", "||caché||", '<span data-mx-spoiler="">caché</span>'],
  ["non : ||la **fin**|caché||", "non : ||la **fin**|caché||", 'non : <span data-mx-spoiler="la **fin**">caché</span>'],
  ['||a "b"|**c**||', '||a "b"|**c**||', '<span data-mx-spoiler="a &quot;b&quot;"><strong>c</strong></span>'],
  ["a || b", "a || b", null],
  ["||||", "||||", null],
  ["`||x||`", "`||x||`", "<code>||x||</code>"],
  ["`\\*`", "`\\*`", "<code>\\*</code>"],
])("%s is sent as text and, where it needs it, as HTML", (typed, body, html) => {
  expect(compose(typed, [])).toMatchObject({ body, html });
});

test("nothing is sent for nothing", () => {
  expect(compose("  \n ", [])).toBeNull();
});

test("a mention becomes a link and is named", () => {
  const sent = compose("Bonjour @Claire Vasseur", [
    { id: "@claire:e.org", name: "Claire Vasseur" },
    { id: "@x:e.org", name: "Gone" },
  ])!;
  expect(sent.mentions).toEqual(["@claire:e.org"]);
  expect(sent.html).toContain('<a href="https://matrix.to/#/%40claire%3Ae.org">@Claire Vasseur</a>');
});

test("a mention is found with the backslashes of the rich field", () => {
  const sent = compose("Voir @j\\_durand", [{ id: "@j:e.org", name: "j_durand" }])!;
  expect(sent.mentions).toEqual(["@j:e.org"]);
  expect(sent.html).toContain('">@j_durand</a>');
});
