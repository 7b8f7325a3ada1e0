/** A marking of rooms, and what it allows there. */
export interface Classification {
  name: string;
  labels: Record<string, string>;
  guests: boolean;
  retention_days: number;
  forwarding: boolean;
  link_sharing: boolean;
  history_sharing: boolean;
  calls: boolean;
  files: boolean;
  file_types: string[];
}
