// The image that is looked at: OpenSeadragon draws its tiles, and says where they are.

/* global OpenSeadragon */

const LARGEST_PIXEL = 48; // CSS pixels that an image's pixel may be shown as

export class View {
  constructor(element) {
    this.image = null;
    this.onmove = () => {};
    this.viewer = new OpenSeadragon.Viewer({
      element,
      drawer: "canvas",
      showNavigationControl: false,
      mouseNavEnabled: false,
      tabIndex: -1,
      animationTime: 0.2,
      immediateRender: true,
      minZoomImageRatio: 0.5,
      maxZoomPixelRatio: LARGEST_PIXEL,
      visibilityRatio: 0.1,
      imageLoaderLimit: 6,
      crossOriginPolicy: false,
    });
    this.viewer.innerTracker?.setTracking(false);
    this.viewer.outerTracker?.setTracking(false);
    this.viewer.addHandler("update-viewport", () => this.moved());
    this.viewer.addHandler("resize", () => this.moved());
  }

  /** Show an image; resolves when it can be drawn on. */
  open(image) {
    this.image = image;
    const { width, height, tile, levels } = image;
    const finest = Math.ceil(Math.log2(Math.max(width, height, 2)));
    const start = `api/page/images/${image.image}/tiles`;
    return new Promise((resolve, reject) => {
      this.viewer.addOnceHandler("open", () => {
        this.fit(true);
        resolve();
      });
      this.viewer.addOnceHandler("open-failed", (event) => reject(new Error(event.message)));
      this.viewer.open({
        width,
        height,
        tileSize: tile,
        tileOverlap: 0,
        minLevel: Math.max(0, finest - levels + 1),
        maxLevel: finest,
        getTileUrl: (level, x, y) => `${start}/${finest - level}/${x}_${y}`,
      });
    });
  }

  moved() {
    // Pixels are shown as what they are, and a smaller picture smoothly.
    const smooth = this.transform().scale < 1;
    if (smooth !== this.smooth) {
      this.smooth = smooth;
      this.viewer.drawer?.setImageSmoothingEnabled(smooth);
    }
    this.onmove();
  }

  /** Return how image coordinates become CSS pixels of the element: x * scale + left, y * scale + top. */
  transform() {
    if (!this.image || !this.viewer.world.getItemCount()) return { scale: 1, left: 0, top: 0 };
    const { viewport } = this.viewer;
    const zero = viewport.pixelFromPoint(new OpenSeadragon.Point(0, 0), true);
    const one = viewport.pixelFromPoint(new OpenSeadragon.Point(1, 0), true);
    return { scale: (one.x - zero.x) / this.image.width, left: zero.x, top: zero.y };
  }

  /** Return the image coordinates of a CSS pixel of the element. */
  toImage(x, y) {
    const { scale, left, top } = this.transform();
    return { x: (x - left) / scale, y: (y - top) / scale };
  }

  zoomBy(factor, at) {
    if (!this.image) return;
    const { viewport } = this.viewer;
    const place = at ? viewport.pointFromPixel(new OpenSeadragon.Point(at.x, at.y), true) : undefined;
    viewport.zoomBy(factor, place);
    viewport.applyConstraints();
  }

  panBy(dx, dy, immediately = false) {
    if (!this.image) return;
    const { viewport } = this.viewer;
    viewport.panBy(viewport.deltaPointsFromPixels(new OpenSeadragon.Point(dx, dy)), immediately);
    viewport.applyConstraints(immediately);
  }

  fit(immediately = false) {
    this.viewer.viewport?.goHome(immediately);
  }

  /** Bring a box of the image into view, if it is not there. */
  show([x0, y0, x1, y1]) {
    const { scale, left, top } = this.transform();
    const { clientWidth, clientHeight } = this.viewer.element;
    const seen = x0 * scale + left >= 0 && y0 * scale + top >= 0 && x1 * scale + left <= clientWidth && y1 * scale + top <= clientHeight;
    if (seen && (x1 - x0) * scale > 12) return;
    const around = Math.max(x1 - x0, y1 - y0);
    const w = this.image.width;
    this.viewer.viewport.fitBounds(
      new OpenSeadragon.Rect((x0 - around) / w, (y0 - around) / w, (x1 - x0 + 2 * around) / w, (y1 - y0 + 2 * around) / w),
    );
  }
}
