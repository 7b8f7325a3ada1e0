import { lazy, Suspense, useEffect } from "react";
import { useTranslation } from "react-i18next";
import type { AppViewModel } from "../viewmodels/app";
import { StatusViewModel } from "../viewmodels/status";
import { Barred } from "./barred";
import { useDropsOnRooms } from "./drops";
import { Rail } from "./frame";
import { keepHands } from "./hands/keeper";
import { usePutAway } from "./hands/put_away";
import { nextRegion } from "./hands/regions";
import { SignIn } from "./sign_in";
import { StatusContext } from "./status";
import { useRouteTitle, useTitle } from "./title";
import { Boundary } from "./ui/boundary";
import { Icon } from "./ui/icon";
import { Empty, Skeleton } from "./ui/parts";
import { CONTENT, SkipLink } from "./ui/skip";
import { AppContext, MainContext, useApp, useMade, useMain, useMedia, useSnapshot } from "./use";
import { Welcome } from "./welcome";

const loadRoom = () => import("./room").then((each) => ({ default: each.Room }));
const Room = lazy(loadRoom);
const loadList = () => import("./room_list").then((each) => ({ default: each.RoomList }));
const RoomList = lazy(loadList);
const FirstRun = lazy(() => import("./first_run").then((each) => ({ default: each.FirstRun })));
const ConfirmDevice = lazy(() => import("./confirm_device").then((each) => ({ default: each.ConfirmDevice })));
const CreateRoom = lazy(() => import("./create_room").then((each) => ({ default: each.CreateRoom })));
const Switcher = lazy(() => import("./switcher").then((each) => ({ default: each.Switcher })));
const VerificationDialog = lazy(() => import("./verification").then((each) => ({ default: each.VerificationDialog })));
const Forums = lazy(() => import("./forums").then((each) => ({ default: each.Forums })));
const FilesPage = lazy(() => import("./files").then((each) => ({ default: each.FilesPage })));
const Saved = lazy(() => import("./saved").then((each) => ({ default: each.Saved })));
const ThreadList = lazy(() => import("./threads").then((each) => ({ default: each.ThreadList })));
const ThreadPlace = lazy(() => import("./threads").then((each) => ({ default: each.ThreadPlace })));
const SearchPage = lazy(() => import("./search_page").then((each) => ({ default: each.SearchPage })));
const Settings = lazy(() => import("./settings/settings").then((each) => ({ default: each.Settings })));
const Admin = lazy(() => import("./admin/admin").then((each) => ({ default: each.Admin })));
const NewSignIn = lazy(() => import("./new_sign_in").then((each) => ({ default: each.NewSignIn })));
const SharedDialog = lazy(() => import("./shared_dialog").then((each) => ({ default: each.SharedDialog })));

export function App({ model }: { model: AppViewModel }) {
  useEffect(keepHands, []);
  return (
    <AppContext.Provider value={model}>
      <Boundary>
        <Stage />
      </Boundary>
    </AppContext.Provider>
  );
}

/** How the page is called before one is in. */
const STAGES: Partial<Record<string, string>> = {
  unreachable: "unreachable",
  "other-tab": "otherTab",
  barred: "title.barred",
  "sign-in": "signIn.title",
  "first-run": "title.firstRun",
  confirm: "confirm.title",
};

function Stage() {
  const { t } = useTranslation();
  const app = useApp();
  const { stage, configuration } = useSnapshot(app);
  const title = STAGES[stage.name];
  useTitle(stage.name === "main" ? undefined : title ? t(title) : null);
  useEffect(() => {
    if (stage.name === "starting") void loadList(); // somebody is signed in: it is at hand when the rooms are
  }, [stage.name]);
  switch (stage.name) {
    case "loading":
    case "starting":
      return <Starting />;
    case "unreachable":
      return (
        <main className="centred">
          <Empty whole icon="warn" title={t("unreachable")} text={t("unreachable.text")}>
            <button type="button" className="btn main" onClick={() => void app.start()}>
              {t("retry")}
            </button>
          </Empty>
        </main>
      );
    case "other-tab":
      return (
        <main className="centred">
          <Empty
            whole
            icon="laptop"
            title={t(stage.brought ? "otherTab.brought" : "otherTab")}
            text={t(stage.brought ? "otherTab.broughtText" : "otherTab.text")}
          >
            <button type="button" className="btn main" onClick={app.useHere}>
              {t("otherTab.here")}
            </button>
          </Empty>
        </main>
      );
    case "barred":
      return <Barred />;
    case "sign-in":
      return configuration && <SignIn model={stage.model} configuration={configuration} />;
    case "first-run":
      return (
        <Suspense fallback={<Starting />}>
          <FirstRun model={stage.model} />
        </Suspense>
      );
    case "confirm":
      return (
        <Suspense fallback={<Starting />}>
          <ConfirmDevice model={stage.model} />
        </Suspense>
      );
    case "main":
      return (
        <MainContext.Provider value={stage.model}>
          <Main />
        </MainContext.Provider>
      );
  }
}

const Starting = () => {
  const { t } = useTranslation();
  return (
    <main className="centred">
      <div className="starting" role="status">
        <span className="logo">
          <Icon name="logo" size={32} />
        </span>
        <h1 className="plain">{t("starting")}</h1>
      </div>
    </main>
  );
};

function Main() {
  const { t } = useTranslation();
  const { route, room, dialog, notice, shared, ready } = useSnapshot(useMain());
  const phone = useMedia("(max-width: 767px)");
  useRouteTitle(route);
  useKeys();
  useDropsOnRooms();
  usePutAway();
  useLinks();
  const statuses = useMade(StatusViewModel, "statuses");
  useEffect(() => void loadRoom(), []); // at hand before a room is opened
  const panel = route.screen === "room" ? route.panel : null;
  const isBeside = panel !== null && panel.name !== "playbook";
  const besideList = ["search", "saved"].includes(route.screen) && !phone;
  const listed = route.screen === "home" || route.screen === "room" || besideList;
  const showList = listed && (!phone || route.screen === "home");
  const isThread = route.screen === "threads" && route.thread !== null;
  const showRest = !phone || (route.screen !== "home" && (route.screen !== "threads" || isThread));
  return (
    <StatusContext.Provider value={statuses}>
      <SkipLink />
      {ready && (
        <Suspense>
          <NewSignIn />
        </Suspense>
      )}
      <div
        id={CONTENT}
        className={`app${isBeside ? " withside" : ""}${listed || route.screen === "threads" || route.screen === "settings" || route.screen === "admin" ? "" : " nolist"}${phone ? " phone" : ""}`}
      >
        {!phone && <Rail />}
        <Suspense fallback={<section className="list" aria-busy="true" />}>
          {showList && <RoomList />}
          {route.screen === "threads" && ready && !(phone && isThread) && (
            <ThreadList room={route.room} thread={route.thread} />
          )}
        </Suspense>
        {showRest && !ready && route.screen !== "home" && <Waiting />}
        {showRest && (ready || route.screen === "home") && (
          <Boundary key={`${route.screen} ${room?.id ?? ""}`}>
            <Suspense fallback={<Waiting />}>
              {route.screen === "home" && <Welcome />}
              {route.screen === "room" && room && <Room key={room.id} model={room} panel={panel} />}
              {route.screen === "threads" && <ThreadPlace room={route.room} thread={route.thread} model={room} />}
              {route.screen === "saved" && <Saved />}
              {route.screen === "forums" && <Forums />}
              {route.screen === "files" && <FilesPage />}
              {route.screen === "search" && <SearchPage ask={route.ask} />}
              {route.screen === "settings" && <Settings page={route.page} />}
              {route.screen === "admin" && <Admin organisation={route.organisation} view={route.view} filter={route.filter} />}
            </Suspense>
          </Boundary>
        )}
        {phone && route.screen !== "room" && !isThread && <Rail phone />}
      </div>
      <Boundary key={dialog?.name}>
        <Suspense>
          {dialog?.name === "create" && <CreateRoom model={dialog.model} />}
          {dialog?.name === "switcher" && <Switcher model={dialog.model} />}
          {dialog?.name === "verification" && <VerificationDialog model={dialog.model} />}
          {shared && <SharedDialog shared={shared} />}
        </Suspense>
      </Boundary>
      <Asked />
      <div className="toast" role="status" aria-live="polite">
        {notice && <p key={notice.turn}>{t(notice.key, notice.values ?? {})}</p>}
      </div>
    </StatusContext.Provider>
  );
}

/** A verification that somebody asks for. It takes nobody's hands: it is read aloud, and waits. */
function Asked() {
  const { t } = useTranslation();
  const main = useMain();
  const { asked } = useSnapshot(main);
  return (
    <div className="askedbox" role="status">
      {asked && (
        <div className="asked" role="group" aria-label={t("verify.asks")} data-region tabIndex={-1}>
          <Icon name="shieldok" />
          <p className="grow">{asked.self ? t("verify.asksDevice") : t("verify.asksPerson", { name: asked.name })}</p>
          <button type="button" className="btn main small" data-next onClick={main.openAsked}>
            {t("verify.see")}
          </button>
          <button type="button" className="btn quiet small" onClick={main.putOff}>
            {t("later")}
          </button>
        </div>
      )}
    </div>
  );
}

const Waiting = () => (
  <main className="panel" aria-busy="true">
    <Skeleton />
  </main>
);

/** Links to rooms and messages stay in the client, wherever they stand. */
function useLinks(): void {
  const main = useMain();
  useEffect(() => {
    const onClick = (event: MouseEvent): void => {
      const link = (event.target as Element).closest?.<HTMLAnchorElement>('a[target="_blank"]');
      if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && main.follow(link.href)) event.preventDefault();
    };
    document.addEventListener("click", onClick);
    return () => document.removeEventListener("click", onClick);
  }, [main]);
}

/** Keys that work everywhere. */
function useKeys(): void {
  const main = useMain();
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const control = event.ctrlKey || event.metaKey;
      if (control && event.key.toLowerCase() === "k") {
        event.preventDefault();
        main.openSwitcher();
      } else if (event.altKey && event.key.toLowerCase() === "n") {
        event.preventDefault();
        main.openCreate();
      } else if (event.key === "s" && !control && !event.altKey) {
        const { room } = main.snapshot();
        const target = event.target as HTMLElement;
        const message = target.closest<HTMLElement>("[data-event]")?.dataset.event;
        if (room && message?.startsWith("$") && !target.closest("input, textarea, [contenteditable]"))
          void main.keep(room.id, message);
      } else if (event.key === "F6") {
        event.preventDefault();
        nextRegion(event.shiftKey ? -1 : 1);
      } else if (event.key === "Escape" && !event.defaultPrevented) {
        const { route } = main.snapshot();
        if (route.screen === "room" && route.panel && !document.querySelector(".scrim, .popover")) main.openPanel(null);
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [main]);
}
