const SVG = 'http://www.w3.org/2000/svg';

/** Makes an SVG element with paths in it. */
export function svg(width: number, height: number, ...paths: SVGPathElement[]): SVGSVGElement {
  const element = document.createElementNS(SVG, 'svg');
  element.setAttribute('width', `${width}`);
  element.setAttribute('height', `${height}`);
  element.append(...paths);
  return element;
}

export function path(d = ''): SVGPathElement {
  const element = document.createElementNS(SVG, 'path');
  element.setAttribute('d', d);
  return element;
}
