/* How a label looks: its glyph and its colour, the same in lists, on the timeline and over the picture. */
import { groupOf, labelName } from "../shared/seeing.ts";
import { Icon, iconPath, type IconName } from "./ui.tsx";

const GLYPHS: Record<string, IconName> = { person: "person", vehicle: "car", bicycle: "bicycle", pet: "paw", animal: "paw", bird: "bird", package: "box", ring: "bell", motion: "wave" };
export const glyphOf = (label: string): IconName => GLYPHS[groupOf(label)] ?? "boxes";
export const glyphPath = (label: string): string => iconPath(glyphOf(label));
/* A custom property of the style sheet, with values for light and dark. */
const COLORED = ["person", "vehicle", "bicycle", "pet", "animal", "bird", "package", "ring"];
export const colorVar = (label: string): string => (COLORED.includes(groupOf(label)) ? `--c-${groupOf(label)}` : "--c-motion");

export const groupName = (group: string): string =>
    group === "pet" ? "Pets" : group === "vehicle" ? "Vehicles" : group === "person" ? "People" : group === "motion" || group === "ring" ? labelName(group) : `${labelName(group)}s`;

export function Glyph({ label }: { label: string }) {
    return <span class="glyph" style={{ "--c": `var(${colorVar(label)})` }}><Icon name={glyphOf(label)} /></span>;
}
