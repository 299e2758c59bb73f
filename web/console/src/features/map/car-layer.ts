import type { Position } from '@marque/api';
import type { CustomLayerInterface, CustomRenderMethodInput, Map as MapLibre } from 'maplibre-gl';
import { lerp, mercatorX, mercatorY } from './mercator';
import { FRAGMENT, VERTEX } from './shaders';

export type Rgb = readonly [red: number, green: number, blue: number];

/** How a car is drawn; undefined for one that a filter hides. */
export type Paint = (position: Position) => Rgb | undefined;

interface Dot {
  position: Position;
  fromX: number;
  fromY: number;
  toX: number;
  toY: number;
  since: number;
}

/** Positions come once a second; a car glides to a new one in that time. */
const GLIDE_S = 1.05;
/** Floats of one car: from and to (4), colour (3), heading, since, and whether it moves. */
const STRIDE = 10;
/** Below this zoom a second of driving is less than a pixel: cars need not glide. */
const GLIDE_ZOOM_MIN = 8;

/**
 * All cars in one draw call. The GPU moves them between the last two positions, so that a second of smooth
 * motion costs one upload. At low zoom they glow into each other and show where the fleet is dense.
 */
export class CarLayer implements CustomLayerInterface {
  readonly id = 'cars';
  readonly type = 'custom' as const;
  selected: string | undefined;
  hovered: string | undefined;
  calm = false;
  #map: MapLibre | undefined;
  #program: WebGLProgram | undefined;
  #array: WebGLVertexArrayObject | undefined;
  #buffer: WebGLBuffer | undefined;
  #uniforms = new Map<string, WebGLUniformLocation | null>();
  #dots = new Map<string, Dot>();
  #shown: Dot[] = [];
  #stale = true;
  #glideUntil = 0;
  #paint: Paint = () => [0.5, 0.5, 0.5];
  #start = performance.now();
  #dark = true;

  get shown(): number {
    return this.#shown.length;
  }

  setPaint(paint: Paint, dark: boolean): void {
    this.#paint = paint;
    this.#dark = dark;
    this.#stale = true;
    this.#map?.triggerRepaint();
  }

  setPositions(positions: ReadonlyMap<string, Position>): void {
    const now = this.#now();
    let moved = false;
    for (const [id, position] of positions) {
      const dot = this.#dots.get(id);
      if (dot?.position === position) continue;
      const toX = mercatorX(position.longitude);
      const toY = mercatorY(position.latitude);
      const [fromX, fromY] = dot && !this.calm ? this.#at(dot, now) : [toX, toY];
      this.#dots.set(id, { position, fromX, fromY, toX, toY, since: now });
      moved = true;
    }
    for (const id of this.#dots.keys()) {
      if (!positions.has(id)) {
        this.#dots.delete(id);
        moved = true;
      }
    }
    if (!moved) return;
    this.#stale = true;
    this.#glideUntil = now + GLIDE_S;
    this.#map?.triggerRepaint();
  }

  highlight(which: { selected?: string; hovered?: string }): void {
    this.selected = which.selected;
    this.hovered = which.hovered;
    this.#map?.triggerRepaint();
  }

  /** The nearest car within `radius` pixels of a place on the map. */
  pick(longitude: number, latitude: number, zoom: number, radius: number): Position | undefined {
    const [x, y, now] = [mercatorX(longitude), mercatorY(latitude), this.#now()];
    let nearest = radius / (512 * 2 ** zoom);
    let found: Position | undefined;
    for (const dot of this.#shown) {
      const [dotX, dotY] = this.#at(dot, now);
      const distance = Math.hypot(dotX - x, dotY - y);
      if (distance <= nearest) {
        nearest = distance;
        found = dot.position;
      }
    }
    return found;
  }

  onAdd(map: MapLibre, gl: WebGL2RenderingContext): void {
    this.#map = map;
    this.#program = link(gl);
    this.#uniforms.clear();
    this.#array = gl.createVertexArray();
    this.#buffer = gl.createBuffer();
    gl.bindVertexArray(this.#array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
    for (const [location, size, offset] of [
      [0, 4, 0],
      [1, 3, 4],
      [2, 3, 7],
    ] as const) {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, size, gl.FLOAT, false, STRIDE * 4, offset * 4);
      gl.vertexAttribDivisor(location, 1);
    }
    gl.bindVertexArray(null);
    this.#stale = true;
  }

  onRemove(_map: MapLibre, gl: WebGL2RenderingContext): void {
    gl.deleteBuffer(this.#buffer ?? null);
    gl.deleteVertexArray(this.#array ?? null);
    gl.deleteProgram(this.#program ?? null);
    this.#map = undefined;
  }

  render(gl: WebGL2RenderingContext, input: CustomRenderMethodInput): void {
    const [map, program] = [this.#map, this.#program];
    if (!map || !program) return;
    if (this.#stale) this.#upload(gl);
    const [zoom, now] = [map.getZoom(), this.#now()];
    gl.useProgram(program);
    gl.bindVertexArray(this.#array ?? null);
    gl.enable(gl.BLEND);
    gl.disable(gl.DEPTH_TEST);
    gl.disable(gl.STENCIL_TEST);
    gl.uniformMatrix4fv(
      this.#uniform(gl, 'u_matrix'),
      false,
      input.defaultProjectionData.mainMatrix as Float32Array,
    );
    gl.uniform2f(this.#uniform(gl, 'u_viewport'), gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.uniform1f(this.#uniform(gl, 'u_now'), now);
    gl.uniform1f(this.#uniform(gl, 'u_glide'), this.calm ? 0.0001 : GLIDE_S);
    gl.uniform1f(this.#uniform(gl, 'u_ratio'), map.getPixelRatio());
    gl.uniform1f(this.#uniform(gl, 'u_zoom'), zoom);
    const [glow, solid] = this.#dark ? [0.3, 1] : [0.16, 1];
    this.#draw(gl, { glow, add: this.#dark ? 0 : 1 });
    this.#draw(gl, { glow: 0, add: solid });
    this.#drawHighlights(gl);
    gl.bindVertexArray(null);
    if (now < this.#glideUntil && zoom >= GLIDE_ZOOM_MIN && !this.calm) map.triggerRepaint();
  }

  #draw(gl: WebGL2RenderingContext, pass: { glow: number; add: number }): void {
    if (this.#shown.length === 0) return;
    // Premultiplied colours; without alpha they add up like light.
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.uniform1f(this.#uniform(gl, 'u_glow'), pass.glow);
    gl.uniform1f(this.#uniform(gl, 'u_cover'), pass.add);
    gl.uniform1f(this.#uniform(gl, 'u_ring'), 0);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.#shown.length);
  }

  /** The hovered and the selected car again, on top, with a ring. */
  #drawHighlights(gl: WebGL2RenderingContext): void {
    for (const id of new Set([this.hovered, this.selected])) {
      const index = id === undefined ? -1 : this.#shown.findIndex((dot) => dot.position.vehicle_id === id);
      if (index < 0) continue;
      gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer ?? null);
      this.#point(gl, index);
      gl.uniform1f(this.#uniform(gl, 'u_glow'), 0);
      gl.uniform1f(this.#uniform(gl, 'u_cover'), 1);
      gl.uniform1f(this.#uniform(gl, 'u_ring'), 1);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, 1);
      this.#point(gl, 0);
    }
  }

  #point(gl: WebGL2RenderingContext, index: number): void {
    const base = index * STRIDE * 4;
    gl.vertexAttribPointer(0, 4, gl.FLOAT, false, STRIDE * 4, base);
    gl.vertexAttribPointer(1, 3, gl.FLOAT, false, STRIDE * 4, base + 16);
    gl.vertexAttribPointer(2, 3, gl.FLOAT, false, STRIDE * 4, base + 28);
  }

  #upload(gl: WebGL2RenderingContext): void {
    this.#shown = [];
    const data = new Float32Array(this.#dots.size * STRIDE);
    for (const dot of this.#dots.values()) {
      const color = this.#paint(dot.position);
      if (!color) continue;
      const moving = dot.position.state === 'moving' ? 1 : 0;
      const heading = ((dot.position.heading ?? 0) * Math.PI) / 180;
      data.set(
        [dot.fromX, dot.fromY, dot.toX, dot.toY, ...color, heading, dot.since, moving],
        this.#shown.length * STRIDE,
      );
      this.#shown.push(dot);
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer ?? null);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    this.#stale = false;
  }

  #at(dot: Dot, now: number): [number, number] {
    const share = this.calm ? 1 : Math.min(1, Math.max(0, (now - dot.since) / GLIDE_S));
    return [lerp(dot.fromX, dot.toX, share), lerp(dot.fromY, dot.toY, share)];
  }

  /** Seconds since the layer was made: small, so that a float holds them exactly enough. */
  #now(): number {
    return (performance.now() - this.#start) / 1000;
  }

  #uniform(gl: WebGL2RenderingContext, name: string): WebGLUniformLocation | null {
    const known = this.#uniforms.get(name);
    if (known !== undefined) return known;
    const location = this.#program ? gl.getUniformLocation(this.#program, name) : null;
    this.#uniforms.set(name, location);
    return location;
  }
}

function link(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type);
    if (!shader) throw new Error('The graphics context was lost.');
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`The cars' shader does not link: ${gl.getProgramInfoLog(program)}`);
  }
  return program;
}
