// Times as people read them. All in ms since 1970 or ms of length. The hours run to 23 in every language.

const clock = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;

/** Returns a length as m:ss, or h:mm:ss from an hour on. Never negative. */
export function clockLength(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Returns the time of day. */
export function timeOfDay(at: number, language: string): string {
  return new Intl.DateTimeFormat(language, clock).format(at);
}

/** Returns the day, with its year unless that is now's. */
export function day(at: number, now: number, language: string): string {
  const year = new Date(at).getFullYear() === new Date(now).getFullYear() ? {} : ({ year: 'numeric' } as const);
  return new Intl.DateTimeFormat(language, { weekday: 'short', day: 'numeric', month: 'long', ...year }).format(at);
}

/** Returns the time of day for today, day and time otherwise. */
export function moment(at: number, now: number, language: string): string {
  if (sameDay(at, now)) return timeOfDay(at, language);
  return new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short', ...clock }).format(at);
}

/** Reports whether two times fall on one day where the agent is. */
export function sameDay(a: number, b: number): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}
