// Where the parts of a lane lie, by how many lanes there are.

export interface LaneLayout {
  height: number;
  /** The block of segments and records within the lane. */
  top: number;
  bottom: number;
  /** Whether there is room for names. */
  hasTags: boolean;
}

export const GUTTER = 56;
export const RULER = 24;

export function laneLayout(lanes: number): LaneLayout {
  if (lanes <= 4) return { height: 104, top: 36, bottom: 82, hasTags: true };
  if (lanes <= 8) return { height: 84, top: 32, bottom: 66, hasTags: true };
  if (lanes <= 24) return { height: 48, top: 20, bottom: 42, hasTags: true };
  return { height: 20, top: 4, bottom: 17, hasTags: false };
}

/** How tall the picture is on the screen, of all the lanes there are. */
export function viewportHeight(lanes: number, room: number): number {
  const all = lanes * laneLayout(lanes).height + RULER;
  return Math.max(Math.min(all, room), Math.min(all, 208));
}
