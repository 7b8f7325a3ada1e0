/** A place that somebody has told: its coordinates, to be copied. No map is asked for: its server would learn where people look. */

import { useTranslation } from "react-i18next";
import type { Content } from "../matrix/types";
import { Icon } from "./ui/icon";
import { useMain } from "./use";

export function PlaceCard({ place }: { place: Extract<Content, { type: "place" }> }) {
  const { t, i18n } = useTranslation();
  const main = useMain();
  const degrees = new Intl.NumberFormat(i18n.language, { minimumFractionDigits: 5, maximumFractionDigits: 5 });
  const { latitude, longitude, accuracy, text } = place;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(`${latitude}, ${longitude}`);
    main.say("place.copied");
  };
  return (
    <div className="card place">
      <span className="ficon">
        <Icon name="globe" size={22} />
      </span>
      <div className="grow min0">
        <p className="strong">{text || t("place.title")}</p>
        <p className="t13 muted num">
          {t("place.coordinates", {
            latitude: degrees.format(Math.abs(latitude)),
            northSouth: t(latitude < 0 ? "place.south" : "place.north"),
            longitude: degrees.format(Math.abs(longitude)),
            eastWest: t(longitude < 0 ? "place.west" : "place.east"),
          })}
          {accuracy !== null && ` · ${t("place.accuracy", { metres: Math.round(accuracy) })}`}
        </p>
      </div>
      <button type="button" className="ib s" aria-label={t("place.copy")} onClick={() => void copy()}>
        <Icon name="copy" />
      </button>
    </div>
  );
}
