// Whether what the browser has made of a page is HTML as the standard has it: what stands in what, what is there twice, what is gone.

/** Runs in the page. What is wrong with it, a line each. */
export function invalid() {
  const words = (text) => new Set(text.split(" "));
  const PHRASING = words(
    "A ABBR AUDIO B BDI BDO BR BUTTON CANVAS CITE CODE DATA DEL DFN EM I IMG INPUT INS KBD LABEL MARK METER OUTPUT PICTURE PROGRESS Q S SAMP SELECT SMALL SPAN STRONG SUB SUP svg math TEXTAREA TIME U VAR VIDEO WBR SCRIPT TEMPLATE NOSCRIPT",
  );
  const HOLDS_PHRASING = words("P H1 H2 H3 H4 H5 H6 PRE SPAN B I EM STRONG SMALL CODE MARK TIME LABEL BUTTON ABBR S U DEL KBD Q SUB SUP LEGEND");
  const HELD = { LI: "UL OL MENU", TR: "TBODY THEAD TFOOT TABLE", TD: "TR", TH: "TR", OPTION: "SELECT OPTGROUP DATALIST", LEGEND: "FIELDSET", SUMMARY: "DETAILS", FIGCAPTION: "FIGURE" };
  const HOLDS = { UL: "LI", OL: "LI", DL: "DT DD DIV", TR: "TD TH", TBODY: "TR", THEAD: "TR" };
  const OBSOLETE = words("FONT CENTER BIG TT STRIKE MARQUEE");
  const called = (element) => (element.namespaceURI === "http://www.w3.org/1999/xhtml" ? element.tagName : element.localName);
  const found = [];
  const known = new Set();
  for (const each of document.body.querySelectorAll("*")) {
    const holder = each.parentElement;
    if (holder.closest("svg, math")) continue;
    const [tag, above] = [called(each), called(holder)];
    const say = (what) => found.push(`${what}: ${holder.outerHTML.slice(0, 160)}`);
    if (each.id && known.has(each.id)) say(`the id ${each.id} twice`);
    known.add(each.id);
    if (HOLDS_PHRASING.has(above) && !PHRASING.has(tag) && !(above === "LEGEND" && /^H\d$/.test(tag))) say(`${tag} in ${above}`);
    if (HELD[tag] && !words(HELD[tag]).has(above)) say(`${tag} in ${above}`);
    if (HOLDS[above] && !words(`${HOLDS[above]} SCRIPT TEMPLATE`).has(tag)) say(`${tag} in ${above}`);
    if (/^(DT|DD)$/.test(tag) && !holder.closest("dl")) say(`${tag} in ${above}`);
    if (/^(A|BUTTON|INPUT|SELECT|TEXTAREA)$/.test(tag) && holder.closest("a, button")) say(`${tag} in a control`);
    if (/^(FORM|LABEL)$/.test(tag) && holder.closest(tag)) say(`${tag} in ${tag}`);
    if (OBSOLETE.has(tag) && !each.closest(".txt")) say(`${tag} is no more`); // in messages it is their authors'
    if (tag === "IMG" && !each.hasAttribute("alt")) say("a picture without alt");
    for (const attribute of ["align", "bgcolor", "border", "valign"]) if (each.hasAttribute(attribute)) say(`the attribute ${attribute}`);
    for (const attribute of ["for", "aria-labelledby"])
      for (const id of (each.getAttribute(attribute) ?? "").split(/\s+/).filter(Boolean)) if (!document.getElementById(id)) say(`${attribute} leads nowhere (${id})`);
  }
  return found;
}
