import { render } from "preact";
import { Share } from "./share.tsx";

render(<Share />, document.getElementById("app")!);
