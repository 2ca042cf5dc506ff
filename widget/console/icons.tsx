// The console's own icons: 20 px, drawn with the text's colour, hidden from
// screen readers (whatever carries one has a text).

const paths = {
  chats:
    'M3.5 5.8A2.3 2.3 0 0 1 5.8 3.5h8.4a2.3 2.3 0 0 1 2.3 2.3v5.4a2.3 2.3 0 0 1-2.3 2.3H9l-3.7 3v-3a2.3 2.3 0 0 1-1.8-2.3z',
  history: 'M3.5 10a6.5 6.5 0 1 0 2.1-4.8L3.5 7.2M3.5 3.5v3.7h3.7M10 6.5V10l2.4 1.6',
  cards: 'M4 4.5h12a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1zM3.5 6l6.5 4.8L16.5 6',
  page: 'M3 5.5a1.5 1.5 0 0 1 1.5-1.5h11A1.5 1.5 0 0 1 17 5.5v9a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 3 14.5zM3 7.5h14M5.3 5.8h.01M7.3 5.8h.01',
  person: 'M10 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4 16.5c.6-3 3-4.5 6-4.5s5.4 1.5 6 4.5',
  search: 'M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4',
  send: 'M3.5 10 16.5 4l-4 12.5-3-5.5zM9.5 11l3-3',
  check: 'M4.5 10.5l3.5 3.5 7.5-8',
  close: 'M5 5l10 10M15 5 5 15',
  back: 'M12 4.5 6.5 10l5.5 5.5',
  down: 'M5 8l5 5 5-5',
  menu: 'M4 6h12M4 10h12M4 14h12',
  block: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM5 5l10 10',
  end: 'M8.5 4H5a1 1 0 0 0-1 1v10a1 1 0 0 0 1 1h3.5M12.5 6.5 16 10l-3.5 3.5M16 10H8',
  clock: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4.2l2.7 1.6',
  alert: 'M10 3.5 17.5 16.5h-15zM10 8.5v3.5M10 14.3h.01',
  wifi: 'M2.5 8a11 11 0 0 1 15 0M5 11a7.3 7.3 0 0 1 10 0M7.5 13.8a3.7 3.7 0 0 1 5 0M10 16.5h.01',
  offline:
    'M2.5 8a11 11 0 0 1 4-2.5M10 4.9A11 11 0 0 1 17.5 8M5 11a7 7 0 0 1 2.5-1.6M7.5 13.8a3.7 3.7 0 0 1 4.5-.3M10 16.5h.01M3.5 3l13 14',
  globe:
    'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM3.2 8h13.6M3.2 12h13.6M10 3c-2 2-2.9 4.5-2.9 7s.9 5 2.9 7c2-2 2.9-4.5 2.9-7s-.9-5-2.9-7z',
  cursor: 'M5 3.5l10.5 6-4.7 1.3-2.3 4.7z',
  frozen: 'M10 3v14M4 6.5l12 7M16 6.5l-12 7M8 4l2 2 2-2M8 16l2-2 2 2',
  eyeOff:
    'M2.5 10S5 5 10 5s7.5 5 7.5 5-2.5 5-7.5 5-7.5-5-7.5-5zM10 12.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6zM4 16 16 4',
  copy: 'M7 7V4.5a1 1 0 0 1 1-1h7.5a1 1 0 0 1 1 1V12a1 1 0 0 1-1 1H13M4.5 7H12a1 1 0 0 1 1 1v7.5a1 1 0 0 1-1 1H4.5a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1z',
  bell: 'M5 13.5V9a5 5 0 0 1 10 0v4.5l1.2 1.5H3.8zM8.5 17h3',
  keyboard:
    'M3 5.5h14a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zM5 8.5h.01M8 8.5h.01M11 8.5h.01M14.5 8.5h.01M6.5 12h7',
  coffee:
    'M4 7h9.5v5a3.5 3.5 0 0 1-3.5 3.5H7.5A3.5 3.5 0 0 1 4 12zM13.5 8.5h1.3a1.7 1.7 0 0 1 0 3.5h-1.3M7 2.8v1.7M10.5 2.8v1.7',
  pen: 'M4 16l.8-3.5L13 4.3a1.4 1.4 0 0 1 2 0l.7.7a1.4 1.4 0 0 1 0 2L7.5 15.2z',
  headset:
    'M4 12V10a6 6 0 0 1 12 0v2M4 11.5h1.5a1 1 0 0 1 1 1V15a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1zM16 11.5h-1.5a1 1 0 0 0-1 1V15a1 1 0 0 0 1 1h.5a1 1 0 0 0 1-1z',
  exit: 'M12 4h3a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-3M9 6.5 5.5 10 9 13.5M5.5 10H13',
  width: 'M3.5 4.5v11M16.5 4.5v11M6 10h8M8.3 7.7 6 10l2.3 2.3M11.7 7.7 14 10l-2.3 2.3',
  hand: 'M7.5 9.5V4.6a1.1 1.1 0 0 1 2.2 0v4M9.7 8.6a1.1 1.1 0 0 1 2.2 0v.8a1.1 1.1 0 0 1 2.2 0v.7a1 1 0 0 1 1.9.3c0 3.5-1 6.1-4.6 6.1-2.6 0-3.5-1.3-4.5-3L4.9 11a1.1 1.1 0 0 1 1.9-1.1l.7 1.1',
  play: 'M6.5 4.5v11l9-5.5z',
  pause: 'M7 4.5v11M13 4.5v11',
  rewind: 'M4 10a6 6 0 1 0 1.9-4.4L4 7.4M4 4v3.4h3.4M8.5 7.5v5l4-2.5z',
  record: 'M10 16.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z',
  up: 'M10 16V4.5M5 9l5-5 5 5',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** The mark of Kohe: a K whose arms are two people meeting. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" />
      <path d="M10 7v18M11 17l9-9M14 14l8 11" />
    </svg>
  );
}
