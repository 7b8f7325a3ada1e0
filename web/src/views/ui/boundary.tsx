/** What cannot be shown takes nothing else of the page with it. */

import { Component, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { clock } from "../../platform/clock";
import { reload, reloadedAt } from "../../platform/new_version";
import { type Remedy, remedyFor } from "../../viewmodels/missing_part";
import { Empty } from "./parts";

interface State {
  remedy: Remedy | null;
}

export class Boundary extends Component<{ children: ReactNode }, State> {
  override state: State = { remedy: null };

  static getDerivedStateFromError(error: unknown): State {
    return { remedy: remedyFor(error, navigator.onLine, clock.now(), reloadedAt()) };
  }

  override componentDidCatch(): void {
    if (this.state.remedy === "reload") this.again();
    else addEventListener("online", this.again, { once: true });
  }

  override componentWillUnmount(): void {
    removeEventListener("online", this.again);
  }

  private readonly again = (): void => reload(clock.now());
  private readonly back = (): void => {
    removeEventListener("online", this.again);
    this.setState({ remedy: null }); // what was opened within a page is closed by that; a page is left
    history.back();
  };

  override render(): ReactNode {
    const { remedy } = this.state;
    if (remedy === null) return this.props.children;
    return remedy === "reload" ? null : <Broken waits={remedy === "wait"} onAgain={this.again} onBack={this.back} />;
  }
}

function Broken({ waits, onAgain, onBack }: { waits: boolean; onAgain: () => void; onBack: () => void }) {
  const { t } = useTranslation();
  return (
    <main className="panel middle" tabIndex={-1} data-region>
      <div role="alert">
        <Empty
          whole
          icon="warn"
          title={t(waits ? "part.waits" : "part.failed")}
          text={t(waits ? "part.waitsText" : "part.failedText")}
        >
          <div className="row g3">
            {!waits && (
              <button type="button" className="btn main" onClick={onAgain}>
                {t("part.reload")}
              </button>
            )}
            <button type="button" className="btn" onClick={onBack}>
              {t("back")}
            </button>
          </div>
        </Empty>
      </div>
    </main>
  );
}
