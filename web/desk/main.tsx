import { render } from "preact";
import { App, start } from "./app.tsx";

render(<App />, document.getElementById("app")!);
void start();
