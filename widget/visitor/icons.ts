// Kohe's own icons: one path each in a box of 24, drawn as lines of 1.8 with
// round ends. The speech bubble's square corner is the mark of the whole widget.

export const bubble = 'M8 4h8a5 5 0 0 1 5 5v11H8a5 5 0 0 1-5-5V9a5 5 0 0 1 5-5zM8.5 10h7M8.5 14h4.5';
export const letter = 'M6 5h12a3 3 0 0 1 3 3v8a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V8a3 3 0 0 1 3-3zM3.6 7.4 12 13l8.4-5.6';
export const down = 'M6 9.5l6 6 6-6';
export const send = 'M12 19.5v-15M5.5 11 12 4.5l6.5 6.5';
export const soundOn = 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11';
export const soundOff = 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5';
export const leave = 'M10 4H7a3 3 0 0 0-3 3v10a3 3 0 0 0 3 3h3M15 8l4 4-4 4M19 12h-9';
export const eye =
  'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z';
export const check = 'M5 12.5l4.5 4.5L19 7.5';
export const alert = 'M12 8v5M12 16.2v.1M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z';
export const clock = 'M12 7.5V12l3 2M12 3.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17z';
/** Ticks: one stroke when sent, on a base line when stored, two when delivered; read is two, in the accent. */
export const sent = 'M7 12.5l4 4 7-8.5';
export const stored = 'M7 10.5l4 4 7-8.5M6.5 19.5h12';
export const delivered = 'M3 12.5l4 4 7-8.5M11.5 16.5 12 17l7.5-9';
