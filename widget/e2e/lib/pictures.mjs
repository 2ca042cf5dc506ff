// Compares pictures as a person would: the same scene drawn twice may differ by
// a rounding of 2 in 255 where lines are smoothed, and by nothing else.
export async function openJudge(browser) {
  const page = await (await browser.newContext()).newPage();
  return {
    /** How many pixels of two PNG pictures differ. */
    differ: (a, b) => (a.equals(b) ? 0 : page.evaluate(count, [a.toString('base64'), b.toString('base64')])),
  };
}

const count = async (pictures) => {
  const [a, b] = await Promise.all(
    pictures.map(async (text) => {
      const image = new Image();
      image.src = `data:image/png;base64,${text}`;
      await image.decode();
      const { width, height } = image;
      const context = new OffscreenCanvas(width, height).getContext('2d');
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, width, height);
    }),
  );
  if (a.width !== b.width || a.height !== b.height) return Number.POSITIVE_INFINITY;
  let n = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    if ([0, 1, 2].some((channel) => Math.abs(a.data[i + channel] - b.data[i + channel]) > 2)) n++;
  }
  return n;
};
