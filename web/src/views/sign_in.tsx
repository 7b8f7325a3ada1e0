import { useId } from "react";
import { useTranslation } from "react-i18next";
import type { Configuration } from "../matrix/configuration";
import type { SignInViewModel } from "../viewmodels/sign_in";
import { useArrival } from "./hands/arrive";
import { hue, initials } from "./ui/avatar";
import { Form } from "./ui/form";
import { Icon } from "./ui/icon";
import { CONTENT, SkipLink } from "./ui/skip";
import { useApp, useSnapshot } from "./use";

export function SignIn({ model, configuration }: { model: SignInViewModel; configuration: Configuration }) {
  const { t } = useTranslation();
  const { address, organisation, looking, leaving, problem } = useSnapshot(model);
  const hint = useId();
  const place = useArrival<HTMLElement>("sign-in");
  const error =
    organisation?.where === "unknown"
      ? t("signIn.unknown", { name: configuration.brand.name })
      : problem
        ? t(`signIn.problem.${problem}`)
        : null;
  return (
    <div className="split">
      <SkipLink />
      <BrandSide configuration={configuration} />
      <main className="formside" id={CONTENT} tabIndex={-1} ref={place}>
        <header className="row" style={{ justifyContent: "space-between" }}>
          <span className="onlyphone strong row g2">
            <Icon name="logo" size={26} />
            {configuration.brand.name}
          </span>
          <span className="grow" />
          <LanguageButton />
        </header>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            void model.submit();
          }}
        >
          <h1>{t("signIn.title")}</h1>
          <p className="muted lead">{t("signIn.lead")}</p>
          <div className="field">
            <label htmlFor="address">{t("signIn.address")}</label>
            <div className="input">
              <Icon name="mail" size={18} />
              <input
                id="address"
                name="username"
                type="text"
                inputMode="email"
                autoComplete="username"
                autoCapitalize="none"
                spellCheck={false}
                autoFocus
                value={address}
                data-next
                onChange={(event) => model.type(event.target.value)}
                aria-describedby={hint}
                aria-invalid={error ? true : undefined}
              />
            </div>
          </div>
          <div id={hint} role="status" aria-live="polite">
            {error && (
              <p className="note danger mt3" data-testid="problem">
                <Icon name="warn" size={18} />
                <span>{error}</span>
              </p>
            )}
            {!error && looking && <p className="card wide muted">{t("signIn.looking")}</p>}
            {organisation?.where === "here" && (
              <div className="card wide">
                <span
                  className="av sq"
                  style={{ "--z": "2.5rem", "--h": `var(--hue-${hue(organisation.name)})` } as React.CSSProperties}
                  aria-hidden="true"
                >
                  {initials(organisation.name)}
                </span>
                <div className="grow">
                  <p className="strong">{organisation.name}</p>
                  <p className="t13 muted">
                    {organisation.provider
                      ? t("signIn.byProvider", { provider: organisation.provider })
                      : t("signIn.byPassword")}
                  </p>
                </div>
                <span className="okmark">
                  <Icon name="check" />
                </span>
              </div>
            )}
            {organisation?.where === "elsewhere" && (
              <p className="note info mt3">
                <Icon name="info" size={18} />
                <span>{t("signIn.elsewhere", { host: new URL(organisation.url).host })}</span>
              </p>
            )}
          </div>
          <button type="submit" className="btn main big wide mt6" disabled={leaving}>
            {leaving ? t("signIn.leaving") : organisation?.where === "elsewhere" ? t("signIn.goThere") : t("continue")}
          </button>
          {configuration.mayRegister && (
            <p className="muted mt6 center">
              {t("signIn.firstTime")}
              <span className="block">
                <button type="button" className="link" onClick={() => void model.submit(true)}>
                  {t("signIn.create")}
                </button>
              </span>
            </p>
          )}
        </Form>
        <Links configuration={configuration} />
      </main>
    </div>
  );
}

export function BrandSide({ configuration }: { configuration: Configuration }) {
  const { t } = useTranslation();
  const { brand } = configuration;
  return (
    <section className="brandside" aria-label={brand.name}>
      <Telegraph />
      <div style={{ position: "relative" }}>
        <div className="row g3 brandname">
          {brand.logoUrl ? <img src={brand.logoUrl} alt="" height="32" /> : <Icon name="logo" size={32} />}
          {brand.name}
        </div>
        <p className="claim">{brand.welcome ?? t("signIn.claim")}</p>
        <p className="claim2">{t("signIn.claim2")}</p>
      </div>
    </section>
  );
}

/** Claude Chappe's towers, which carried the first messages of the State from hill to hill. */
function Telegraph() {
  return (
    <svg className="telegraph" viewBox="0 0 560 900" preserveAspectRatio="xMidYMax slice" aria-hidden="true" focusable="false">
      <g fill="oklch(from var(--brand) .36 min(c,.08) h)">
        <path d="M0 590c90-50 180 20 280-8s190-70 280-30v348H0Z" opacity=".6" />
        <path d="M0 690c120-40 210 40 330 6s160-40 230-20v224H0Z" opacity=".75" />
      </g>
      <g
        fill="none"
        stroke="oklch(from var(--brand) .92 min(c,.03) h)"
        strokeWidth="5"
        strokeLinecap="round"
        strokeLinejoin="round"
      >
        <g transform="translate(120 470)">
          <path d="M0 120V0M-22 120h44M-60 14 60-18M-60 14l-12 34M60-18l20-26" />
        </g>
        <g transform="translate(330 560) scale(.66)" opacity=".8">
          <path d="M0 120V0M-22 120h44M-60-8 60 12M-60-8l-6-38M60 12l22 26" />
        </g>
        <g transform="translate(470 580) scale(.44)" opacity=".6">
          <path d="M0 120V0M-22 120h44M-60 4 60-4M-60 4l-20-28M60-4v-36" />
        </g>
        <path d="M210 440q70-34 86 84M390 540q40-16 54 26" strokeWidth="2" strokeDasharray="2 9" />
      </g>
    </svg>
  );
}

export function Links({ configuration }: { configuration: Configuration }) {
  const { t } = useTranslation();
  const links = Object.entries(configuration.brand.links);
  if (!links.length) return <footer />;
  return (
    <footer className="row g4 t13 muted links">
      {links.map(([name, url]) => (
        <a key={name} href={url} target="_blank" rel="noreferrer">
          {t(`link.${name}`)}
        </a>
      ))}
    </footer>
  );
}

export function LanguageButton() {
  const app = useApp();
  const { language } = useSnapshot(app.preferences);
  const other = language === "fr" ? "en" : "fr";
  return (
    <button type="button" className="btn quiet small" lang={other} onClick={() => app.preferences.choose({ language: other })}>
      {other === "en" ? "English" : "Français"}
    </button>
  );
}
