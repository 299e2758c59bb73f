declare module 'virtual:world' {
  /** The address of the map's ground: a `World` of `vite/world.ts`. */
  const url: string;
  export default url;
}
