// Who is on a site now, as the edge tells it bit by bit. Pure.

import type { Sort, Visit, Visits } from '../wire/payload.ts';

export interface VisitList extends Pick<Visits, 'visits' | 'board' | 'away'> {
  rows: ReadonlyMap<string, Visit>;
  whole: boolean; // everything has been told once
}

export const noVisits: VisitList = { rows: new Map(), visits: 0, whole: false };

/** The list with what the edge told last. */
export function takeVisits(list: VisitList, told: Visits): VisitList {
  const rows = new Map(told.anew ? [] : list.rows);
  for (const id of told.gone ?? []) rows.delete(id);
  for (const visit of told.rows ?? []) rows.set(visit.id, visit);
  if (told.more) return { ...list, rows, whole: list.whole && !told.anew };
  const { visits, board, away = 0 } = told;
  return { rows, visits, whole: true, away, ...(board && { board }) };
}

/** The rows in the order that was asked for; the same as the edge's. */
export function inOrder(list: VisitList, sort: Sort): Visit[] {
  const rows = [...list.rows.values()].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
  return sort === 'longest' ? rows.reverse() : rows;
}
