/** One quad a car. It grows with the zoom: a point of light on the world, an arrow in a street. */
export const VERTEX = `#version 300 es
layout(location = 0) in vec4 a_track;
layout(location = 1) in vec3 a_color;
layout(location = 2) in vec3 a_motion;
uniform mat4 u_matrix;
uniform vec2 u_viewport;
uniform float u_now, u_glide, u_ratio, u_zoom, u_glow, u_ring;
out vec2 v_at;
out vec3 v_color;
out float v_heading, v_moving, v_radius, v_reach;

float glow_reach(float radius) {
  return radius * 3.2 + mix(1.0, 4.0, smoothstep(2.0, 8.0, u_zoom));
}

void main() {
  vec2 corner = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1)) * 2.0 - 1.0;
  vec2 place = mix(a_track.xy, a_track.zw, clamp((u_now - a_motion.y) / u_glide, 0.0, 1.0));
  float radius = mix(1.7, 7.5, smoothstep(2.0, 12.0, u_zoom));
  if (a_motion.z < 0.5) radius *= 0.82;
  float reach = u_glow > 0.0 ? glow_reach(radius) : u_ring > 0.0 ? radius + 7.0 : radius + 2.0;
  vec4 centre = u_matrix * vec4(place, 0.0, 1.0);
  gl_Position = centre + vec4(corner * reach * u_ratio * 2.0 / u_viewport * centre.w, 0.0, 0.0);
  v_at = corner * reach;
  v_color = a_color;
  v_heading = a_motion.x;
  v_moving = a_motion.z;
  v_radius = radius;
  v_reach = reach;
}
`;

export const FRAGMENT = `#version 300 es
precision highp float;
in vec2 v_at;
in vec3 v_color;
in float v_heading, v_moving, v_radius, v_reach;
uniform float u_glow, u_cover, u_ring, u_zoom;
out vec4 color;

float arrow(vec2 p, float r) {
  p.x = abs(p.x);
  float side = dot(p - vec2(0.0, r * 1.25), normalize(vec2(2.15, 1.0)));
  float tail = -(p.y + r * 0.85) + p.x * -0.55;
  return max(side, tail);
}

void main() {
  float far = length(v_at);
  if (u_glow > 0.0) {
    // Cars crowd at low zoom: each gives less light, so that a city keeps its colour.
    float light = pow(max(0.0, 1.0 - far / v_reach), 2.2) * u_glow * mix(0.22, 1.0, smoothstep(2.0, 8.0, u_zoom));
    color = vec4(v_color * light, light * u_cover);
    return;
  }
  float shape = far - v_radius;
  if (v_moving > 0.5 && u_zoom > 8.5) {
    float s = sin(v_heading), c = cos(v_heading);
    shape = arrow(vec2(v_at.x * c - v_at.y * s, v_at.x * s + v_at.y * c), v_radius);
  }
  float body = (1.0 - smoothstep(-0.6, 0.6, shape)) * mix(0.85, 1.0, smoothstep(2.0, 5.0, u_zoom));
  float edge = (1.0 - smoothstep(0.4, 1.6, shape)) * smoothstep(3.0, 7.0, u_zoom) * 0.55;
  float alpha = max(body, edge);
  vec3 tint = v_color * body;
  if (u_ring > 0.0) {
    float ring = 1.0 - smoothstep(0.5, 1.5, abs(far - v_radius - 4.5));
    tint = mix(tint, v_color, ring);
    alpha = max(alpha, ring);
  }
  color = vec4(tint, alpha) * u_cover;
}
`;
