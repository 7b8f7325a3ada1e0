/** What is done about orders, as lines of a log. */

import type { TFunction } from "i18next";
import type { OrderState } from "../matrix/types";
import type { LogLine } from "../viewmodels/order_log";
import { asMessage, when } from "./playbook_words";

const line = (t: TFunction, text: string): LogLine => ({ text, body: (title) => asMessage(t, title, text) });

export const givenLine = (t: TFunction, text: string, due: number | null, count: number): LogLine =>
  line(
    t,
    due === null ? t("playbook.log.order", { text, count }) : t("playbook.log.orderDue", { text, count, time: when(due) }),
  );

/** `reason`: what keeps somebody from it. */
export const answerLine = (t: TFunction, text: string, state: OrderState, reason: string): LogLine =>
  line(t, t(`playbook.log.order.${state}`, { text, reason }));

export const liftedLine = (t: TFunction, text: string, reason: string): LogLine =>
  line(t, t("playbook.log.orderLifted", { text, reason }));
