import { useTranslation } from "react-i18next";
import type { CodeProblem } from "../matrix/recovery";
import { date } from "./format";
import { Field } from "./ui/parts";

interface Props {
  typed: string;
  onType: (text: string) => void;
  error: string | null;
}

/** Where the recovery code is typed: nothing corrects, remembers or capitalises it. */
export function RecoveryCodeField({ typed, onType, error }: Props) {
  const { t } = useTranslation();
  return (
    <Field
      label={t("recovery.label2")}
      value={typed}
      onText={onType}
      autoComplete="off"
      spellCheck={false}
      autoCapitalize="none"
      error={error}
      hint={t("recovery.typeHint")}
      data-next
    />
  );
}

/** Says what is wrong with a code. `created`: when the one that opens was made, milliseconds. */
export function useCodeProblem(problem: CodeProblem | null, created: number | null): string | null {
  const { t } = useTranslation();
  if (!problem) return null;
  return problem === "old" ? t("recovery.old", { date: created ? date(created) : "" }) : t(`recovery.problem.${problem}`);
}
