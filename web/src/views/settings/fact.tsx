/** A row of a list of facts. */
export const Fact = ({ label, text }: { label: string; text: string }) => (
  <>
    <dt>{label}</dt>
    <dd className="anywhere">{text}</dd>
  </>
);
