// Files: looked at before they leave, with words and in an order; looked at where they arrive; found again after a reload.
import { crc32 } from "node:zlib";
import { arrive, assert, attach, createRoom, look, messages, pictures, play, press, say, sees } from "./stage.mjs";

const ROOM = "Crue du Rhône";
let claire;
let mehdi;

const panel = (page) => page.getByRole("complementary");
const tray = (page) => page.getByRole("region", { name: "Fichiers à envoyer" });
const send = (page) => page.getByTestId("composer").first().press("Enter");
const viewer = (page) => page.getByRole("dialog");
const open = async (page, name) => {
  await page.getByRole("link", { name: new RegExp(name) }).first().click();
  await page.getByRole("heading", { level: 1, name: new RegExp(name) }).waitFor(); // the field of the room before is not this one's
};
const file = (name, mimeType, content) => ({ name, mimeType, buffer: Buffer.from(content) });

/** A photograph with the Exif of a telephone: where and when it was taken. */
async function photo(page, name, colour, size = 400) {
  const data = await page.evaluate(
    async ([colour, size]) => {
      const canvas = new OffscreenCanvas(size, size * 0.75);
      const pen = canvas.getContext("2d");
      const noise = pen.createImageData(canvas.width, canvas.height);
      const points = new Uint32Array(noise.data.buffer);
      for (let at = 0; at < points.length; at++) points[at] = 0xff000000 | ((at * 2654435761) & 0x3f3f3f);
      pen.putImageData(noise, 0, 0);
      pen.fillStyle = colour;
      pen.fillRect(size / 4, size / 4, size / 2, size / 4);
      const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg", quality: 1 })).arrayBuffer());
      return btoa(Array.from(bytes, (each) => String.fromCharCode(each)).join(""));
    },
    [colour, size],
  );
  const jpeg = Buffer.from(data, "base64");
  const tag = (number, value) => [number & 255, number >> 8, 3, 0, 1, 0, 0, 0, value, 0, 0, 0];
  const exif = Buffer.from([...Buffer.from("Exif\0\0II"), 42, 0, 8, 0, 0, 0, 2, 0, ...tag(0x0132, 1), ...tag(0x8825, 1), 0, 0, 0, 0]);
  const segment = Buffer.concat([Buffer.from([0xff, 0xe1, 0, exif.length + 2]), exif]);
  return { name, mimeType: "image/jpeg", buffer: Buffer.concat([jpeg.subarray(0, 2), segment, jpeg.subarray(2)]) };
}

/** A PDF that says something, and would do something if its scripts ran. */
function pdf(text) {
  const stream = `BT /F1 24 Tf 72 700 Td (${text}) Tj ET`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ];
  let body = "%PDF-1.4\n";
  const places = objects.map((each, index) => {
    const at = body.length;
    body += `${index + 1} 0 obj\n${each}\nendobj\n`;
    return `${String(at).padStart(10, "0")} 00000 n \n`;
  });
  return `${body}xref\n0 6\n0000000000 65535 f \n${places.join("")}trailer << /Size 6 /Root 1 0 R >>\nstartxref\n${body.length}\n%%EOF`;
}

/** An archive of files that are stored as they are. */
function zip(files) {
  const [parts, list] = [[], []];
  let at = 0;
  for (const [name, content] of Object.entries(files)) {
    const [title, data] = [Buffer.from(name), Buffer.from(content)];
    const about = Buffer.alloc(26);
    about.writeUInt16LE(20, 0);
    about.writeUInt32LE(crc32(data), 10);
    about.writeUInt32LE(data.length, 14);
    about.writeUInt32LE(data.length, 18);
    about.writeUInt16LE(title.length, 22);
    parts.push(Buffer.from("PK\x03\x04"), about, title, data);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    list.push(Buffer.from("PK\x01\x02\x14\x00"), about, place, title);
    at += 30 + title.length + data.length;
  }
  const whole = Buffer.concat(list);
  const end = Buffer.alloc(18);
  for (const where of [4, 6]) end.writeUInt16LE(Object.keys(files).length, where);
  end.writeUInt32LE(whole.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...parts, whole, Buffer.from("PK\x05\x06"), end]);
}

const ODF = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"';
const odf = (kind, content) => zip({ "content.xml": `<?xml version="1.0"?><office:document-content ${ODF}><office:body><office:${kind}>${content}</office:${kind}></office:body></office:document-content>` });

const WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const TYPES = "http://schemas.openxmlformats.org/package/2006/content-types";
const RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const relations = (type, target) => `<?xml version="1.0"?><Relationships xmlns="${RELATIONS}"><Relationship Id="r1" Type="${OFFICE}/${type}" Target="${target}"/></Relationships>`;
const docx = (text) =>
  zip({
    "[Content_Types].xml": `<?xml version="1.0"?><Types xmlns="${TYPES}"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`,
    "_rels/.rels": relations("officeDocument", "word/document.xml"),
    "word/document.xml": `<?xml version="1.0"?><w:document xmlns:w="${WORD}"><w:body><w:p><w:r><w:t>${text}</w:t></w:r></w:p></w:body></w:document>`,
  });
const SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const xlsx = (text) =>
  zip({
    "[Content_Types].xml": `<?xml version="1.0"?><Types xmlns="${TYPES}"/>`,
    "_rels/.rels": relations("officeDocument", "xl/workbook.xml"),
    "xl/workbook.xml": `<?xml version="1.0"?><workbook xmlns="${SHEET}" xmlns:r="${OFFICE}"><sheets><sheet name="Moyens" sheetId="1" r:id="r1"/></sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": relations("worksheet", "worksheets/sheet1.xml"),
    "xl/worksheets/sheet1.xml": `<?xml version="1.0"?><worksheet xmlns="${SHEET}"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>${text}</t></is></c><c r="B1"><v>12</v></c></row></sheetData></worksheet>`,
  });

/** What somebody gets who downloads a file. */
async function downloaded(page, name, where = page) {
  const [download] = await Promise.all([page.waitForEvent("download"), where.getByRole("button", { name: `Télécharger ${name}` }).first().click()]);
  const parts = [];
  for await (const each of await download.createReadStream()) parts.push(each);
  return Buffer.concat(parts);
}

/** Files let go of over an element, as the browser tells it. */
async function dropOn(page, target, ...files) {
  const given = files.map(({ name, mimeType, buffer }) => ({ name, type: mimeType, data: buffer.toString("base64") }));
  const carried = await page.evaluateHandle((all) => {
    const data = new DataTransfer();
    for (const { name, type, data: bytes } of all) data.items.add(new File([Uint8Array.from(atob(bytes), (each) => each.charCodeAt(0))], name, { type }));
    return data;
  }, given);
  await target.dispatchEvent("dragover", { dataTransfer: carried });
  await target.dispatchEvent("drop", { dataTransfer: carried });
}

await play({
  async "files wait in the tray, with a look at each and what is wrong with it, until they are sent"() {
    claire = await arrive("Claire Vasseur");
    mehdi = await arrive("Mehdi Benali");
    await createRoom(claire, ROOM, "Privée", ["Mehdi"]);
    await mehdi.getByRole("button", { name: `Rejoindre ${ROOM}` }).click();
    await sees(claire, "Mehdi Benali a rejoint");
    const files = [await photo(claire, "digue.jpg", "teal"), file("vide.txt", "text/plain", ""), file("plan.pdf", "application/pdf", pdf("Plan des digues"))];
    await claire.getByTestId("file").setInputFiles(files);
    await tray(claire).getByText("Retiré de l’image avant l’envoi : date, lieu.").waitFor();
    await tray(claire).getByText("Ce fichier est vide").waitFor();
    await tray(claire).getByText(/^2 fichiers prêts/).waitFor();
    await look(claire, "tray");
    await tray(claire).getByRole("button", { name: "Ne pas envoyer vide.txt" }).press("Enter");
    assert(await claire.evaluate(() => document.activeElement.getAttribute("aria-label") === "Ne pas envoyer plan.pdf"), "the hands are lost with what was removed");
    await tray(claire).getByRole("button", { name: "Placer plan.pdf plus tôt" }).press("Enter");
    await tray(claire).getByText("plan.pdf : place 1 sur 2").waitFor();
    assert(await claire.evaluate(() => document.activeElement.getAttribute("aria-label") === "Placer plan.pdf plus tôt"), "the hands do not follow what is moved");
    await tray(claire).getByLabel("Légende de digue.jpg").fill("La digue vue du *pont*");
    await say(mehdi, "Rien n’est encore parti");
    await sees(claire, "Rien n’est encore parti");
    assert((await messages(mehdi).getByText("plan.pdf").count()) === 0, "a file left before it was sent");
    await say(claire, "Le plan, **à relire**");
    await messages(mehdi).getByRole("article").filter({ hasText: "plan.pdf" }).locator(".rich strong", { hasText: "à relire" }).waitFor();
    await messages(mehdi).getByRole("article").filter({ hasText: "La digue vue du pont" }).locator(".rich em", { hasText: "pont" }).waitFor();
    await messages(mehdi).getByRole("img", { name: /La digue/ }).waitFor();
    const told = await messages(mehdi).getByRole("article").allInnerTexts();
    assert(told.findIndex((each) => each.includes("Le plan")) < told.findIndex((each) => each.includes("La digue")), "not in the order of the tray");
    await tray(claire).waitFor({ state: "detached" });
  },
  async "what a picture says of where it was taken is gone where it arrives, unless somebody keeps it"() {
    await messages(mehdi).getByRole("button", { name: /Ouvrir.*La digue/ }).click();
    const clean = await downloaded(mehdi, "digue.jpg", viewer(mehdi));
    assert(clean[0] === 0xff && !clean.includes("Exif"), "the place of a picture left with it");
    await mehdi.keyboard.press("Escape");
    await claire.getByTestId("file").setInputFiles([await photo(claire, "preuve.jpg", "red")]);
    await claire.getByLabel("Garder les informations de prise de vue").check();
    await tray(claire).getByText("Part avec l’image").waitFor();
    await send(claire);
    await messages(mehdi).getByRole("button", { name: /Ouvrir.*preuve.jpg/ }).click();
    assert((await downloaded(mehdi, "preuve.jpg", viewer(mehdi))).includes("Exif"), "what was to be kept is gone");
    await mehdi.keyboard.press("Escape");
  },
  async "a large picture leaves smaller, and the choice is remembered"() {
    const large = await photo(claire, "grande.jpg", "navy", 2600);
    await claire.getByTestId("file").setInputFiles([large]);
    await claire.getByLabel("Réduire les images").check();
    await send(claire);
    await messages(mehdi).getByRole("button", { name: /Ouvrir.*grande.jpg/ }).click();
    const small = await downloaded(mehdi, "grande.jpg", viewer(mehdi));
    assert(small.length < large.buffer.length * 0.8, `not smaller: ${small.length} of ${large.buffer.length}`);
    await mehdi.keyboard.press("Escape");
    await claire.getByTestId("camera").setInputFiles([{ ...large, name: "photo.jpg" }]);
    await tray(claire).getByText("photo.jpg").waitFor();
    assert(await claire.getByLabel("Réduire les images").isChecked(), "the choice was forgotten");
    await claire.getByLabel("Réduire les images").uncheck();
    await tray(claire).getByRole("button", { name: "Ne pas envoyer photo.jpg" }).click();
    assert(await claire.evaluate(() => document.activeElement.dataset.testid === "composer"), "the hands do not go back to the field");
  },
  async "pictures follow each other, grow by keys and wheel, and give the hands back"() {
    const opener = messages(mehdi).getByRole("button", { name: /Ouvrir.*preuve.jpg/ });
    await opener.focus();
    await mehdi.keyboard.press("Enter");
    await viewer(mehdi).getByText("preuve.jpg : 2 sur 3").waitFor();
    await look(mehdi, "viewer-picture");
    await mehdi.keyboard.press("ArrowLeft");
    await viewer(mehdi).getByText("La digue vue du pont").waitFor();
    await viewer(mehdi).getByText("digue.jpg : 1 sur 3").waitFor();
    await mehdi.keyboard.press("ArrowRight");
    await mehdi.keyboard.press("ArrowRight");
    await viewer(mehdi).getByText("grande.jpg : 3 sur 3").waitFor();
    await viewer(mehdi).getByRole("img", { name: /grande.jpg/ }).waitFor();
    const scale = () => viewer(mehdi).getByRole("img").evaluate((each) => Number(/scale\((.+)\)/.exec(each.style.transform)[1]));
    await mehdi.keyboard.press("+");
    await viewer(mehdi).getByText("150 %").waitFor();
    assert((await scale()) === 1.5, "a key does not make it larger");
    await viewer(mehdi).getByRole("img").hover();
    await mehdi.mouse.wheel(0, -400);
    await viewer(mehdi).getByText(/^3\d\d\s%$/).waitFor();
    await mehdi.keyboard.press("0");
    await viewer(mehdi).getByText("100 %").waitFor();
    await viewer(mehdi).getByRole("button", { name: "Image précédente" }).click();
    await viewer(mehdi).getByText("preuve.jpg : 2 sur 3").waitFor();
    await mehdi.keyboard.press("Escape");
    await viewer(mehdi).waitFor({ state: "detached" });
    await mehdi.waitForFunction((each) => document.activeElement === each, await opener.elementHandle()); // the hands come back
  },
  async "files are pasted several at once, dropped on the conversation, and on another room of the list"() {
    await createRoom(claire, "Logistique", "Privée", ["Mehdi"]);
    await mehdi.getByRole("button", { name: "Rejoindre Logistique" }).click();
    await open(claire, ROOM);
    await sees(claire, "Le plan");
    await claire.getByTestId("composer").focus();
    await claire.evaluate(() => {
      const data = new DataTransfer();
      for (const name of ["un.txt", "deux.txt"]) data.items.add(new File([name], name, { type: "text/plain" }));
      document.activeElement.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    });
    await tray(claire).getByText("deux.txt").waitFor();
    await dropOn(claire, messages(claire), file("trois.txt", "text/plain", "trois"));
    await tray(claire).getByText(/^3 fichiers prêts/).waitFor();
    await dropOn(claire, claire.getByRole("link", { name: /Logistique/ }).first(), file("bons.csv", "text/csv", "commune;sacs\nGivors;120\n"));
    await claire.getByRole("heading", { level: 1, name: "Logistique" }).waitFor();
    await tray(claire).getByText("bons.csv").waitFor();
    await send(claire);
    await open(mehdi, "Logistique");
    await sees(mehdi, "bons.csv");
    await open(claire, ROOM);
    await tray(claire).getByText(/^3 fichiers prêts/).waitFor(); // as it was left
    await send(claire);
    await open(mehdi, ROOM);
    for (const name of ["un.txt", "deux.txt", "trois.txt"]) await sees(mehdi, name);
  },
  async "in a thread, and in a room that is not encrypted"() {
    await press(claire, "Le plan", "Répondre dans un fil");
    await attach(claire, [file("annexe.txt", "text/plain", "l’annexe")], panel(claire));
    await messages(mehdi).getByRole("button", { name: /1 réponse/ }).click();
    await panel(mehdi).getByRole("article").getByText("annexe.txt").waitFor();
    assert((await messages(mehdi).getByText("annexe.txt").count()) === 0, "a file of a thread shows in the room");
    await panel(mehdi).getByRole("button", { name: /Ouvrir annexe.txt/ }).click();
    await viewer(mehdi).getByText("l’annexe").waitFor();
    await mehdi.keyboard.press("Escape");
    await viewer(mehdi).waitFor({ state: "detached" });
    for (const page of [claire, mehdi]) {
      await page.keyboard.press("Escape"); // from what stands in a message to the message itself
      await page.keyboard.press("Escape");
      await panel(page).waitFor({ state: "detached" });
    }
    await createRoom(claire, "Retours d’expérience", "Forum");
    await claire.getByTestId("composer").fill("Le bilan");
    await attach(claire, [file("bilan.txt", "text/plain", "tout va bien")]);
    await mehdi.getByRole("link", { name: "Forums" }).click();
    await mehdi.getByLabel("Chercher un forum").fill("retours");
    await mehdi.getByRole("button", { name: /^Rejoindre Retours/ }).click();
    await sees(mehdi, "Le bilan");
    await messages(mehdi).getByRole("button", { name: /Ouvrir bilan.txt/ }).click();
    await viewer(mehdi).getByText("tout va bien").waitFor();
    await mehdi.keyboard.press("Escape");
    for (const page of [claire, mehdi]) await open(page, ROOM);
  },
  async "documents are read in their place; nothing of them runs"() {
    await claire.getByTestId("file").setInputFiles([
      file("carte.pdf", "application/pdf", pdf("Carte des digues")),
      file("moyens.csv", "text/csv", Buffer.from("commune;accès\nGivors;ferm\xe9\n", "latin1")),
      file("note.odt", "application/vnd.oasis.opendocument.text", odf("text", "<text:h text:outline-level=\"1\">Consigne</text:h><text:p>Deux ponts fermés</text:p>")),
      file("stocks.ods", "application/vnd.oasis.opendocument.spreadsheet", odf("spreadsheet", '<table:table table:name="Sacs"><table:table-row><table:table-cell><text:p>120 sacs</text:p></table:table-cell></table:table-row></table:table>')),
      file("rapport.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", docx("Rapport de la nuit")),
      file("effectifs.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx("Pompiers")),
      file("lisez-moi.markdown", "text/markdown", "# Titre\n\n<img src=x onerror='window.hurt=1'>"),
      file("piege.html", "text/html", "<script>window.hurt=1</script>"),
      file("piege.svg", "image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" onload="window.hurt=1"/>'),
      file("casse.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "PK nothing of the kind"),
    ]);
    await send(claire);
    await sees(mehdi, "casse.docx");
    const reads = async (name, said, picture = null) => {
      const opener = messages(mehdi).getByRole("button", { name: new RegExp(`^Ouvrir ${name}`) });
      await opener.click();
      await viewer(mehdi).getByText(said).first().waitFor();
      if (picture) await look(mehdi, picture);
      await mehdi.keyboard.press("Escape");
      await viewer(mehdi).waitFor({ state: "detached" });
      await mehdi.waitForFunction((each) => document.activeElement === each, await opener.elementHandle()); // the hands come back
    };
    await reads("carte.pdf", "Carte des digues", "viewer-pdf");
    await reads("moyens.csv", "fermé", "viewer-table");
    await reads("note.odt", "Deux ponts fermés", "viewer-text");
    await reads("stocks.ods", "120 sacs");
    await reads("rapport.docx", "Rapport de la nuit");
    await reads("effectifs.xlsx", "Pompiers");
    await reads("lisez-moi.markdown", "Titre");
    await reads("casse.docx", "ne peut pas être affiché ici");
    for (const name of ["piege.html", "piege.svg"]) {
      await messages(mehdi).getByRole("button", { name: `Télécharger ${name}` }).waitFor();
      assert((await messages(mehdi).getByRole("button", { name: new RegExp(`^Ouvrir.*${name}`) }).count()) === 0, `${name} can be opened`);
    }
    assert(!(await mehdi.evaluate(() => window.hurt)), "something of a file ran");
  },
  async "what waits for the network outlives a reload and arrives once; what is taken back never does"() {
    await claire.route("**/media/v3/upload*", (route) => route.abort());
    await claire.getByTestId("composer").fill("Écrit sans réseau");
    await attach(claire, [file("releve.txt", "text/plain", "le relevé"), file("erreur.txt", "text/plain", "à ne pas envoyer")]);
    await claire.getByText("En attente du réseau").first().waitFor();
    await claire.getByRole("button", { name: "Annuler l’envoi d’erreur.txt" }).click();
    await claire.getByText("erreur.txt").waitFor({ state: "detached" });
    await claire.reload();
    await claire.getByRole("button", { name: "Annuler l’envoi de releve.txt" }).waitFor();
    assert((await messages(mehdi).getByText("releve.txt").count()) === 0, "it left without a network");
    await claire.unroute("**/media/v3/upload*");
    await sees(mehdi, "releve.txt");
    await sees(mehdi, "Écrit sans réseau");
    await say(claire, "Fin de l’essai");
    await sees(mehdi, "Fin de l’essai");
    assert((await messages(mehdi).getByText("releve.txt").count()) === 1, "it came twice");
    assert((await messages(mehdi).getByText("erreur.txt").count()) === 0, "what was taken back came");
  },
  async "on a telephone, in the dark, in English"() {
    const sizes = { phone: { width: 390, height: 844 }, wide: { width: 1440, height: 900 } };
    const LONG = "liste_des_lieux_d_accueil_et_des_moyens_version_2.pdf";
    await mehdi.setViewportSize(sizes.phone);
    await mehdi.getByTestId("file").setInputFiles([await photo(mehdi, "rue.jpg", "gray"), file(LONG, "application/pdf", pdf("Liste"))]);
    await tray(mehdi).getByText(/^2 fichiers prêts/).waitFor();
    assert(await tray(mehdi).locator("ul").evaluate((list) => list.scrollWidth <= list.clientWidth), "a long name hides what is done to a file");
    await look(mehdi, "phone-tray");
    await send(mehdi);
    await sees(claire, LONG);
    await messages(mehdi).getByRole("button", { name: new RegExp(`^Ouvrir ${LONG}`) }).click();
    await viewer(mehdi).getByText("Liste", { exact: true }).waitFor();
    await look(mehdi, "phone-viewer");
    await mehdi.keyboard.press("Escape");
    if (!pictures) return;
    await claire.evaluate(() => localStorage.setItem("chappe.appearance", JSON.stringify({ theme: "dark", language: "en" })));
    await claire.reload();
    await claire.getByTestId("file").setInputFiles([await photo(claire, "street.jpg", "gray"), file("list.pdf", "application/pdf", pdf("List"))]);
    await claire.getByRole("region", { name: "Files to send" }).getByText(/^2 files ready/).waitFor();
    await look(claire, "dark-tray");
    await messages(claire).getByRole("button", { name: /^Open the picture.*rue.jpg/ }).click();
    await viewer(claire).getByRole("img").waitFor();
    await look(claire, "dark-viewer");
  },
});
