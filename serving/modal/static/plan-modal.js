// One script tag: registers <plan-modal>. To register it under another name, import the class from ./element.js.
import { PlanModalElement } from "./element.js";

PlanModalElement.define();

export { PlanModalElement };
