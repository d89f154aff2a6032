// The billing page with a script: the provider's form opens on the page instead of on the provider's own page.
import { form } from "./stripe-form.js";

const opener = document.querySelector("form[data-setup]");

opener?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = opener.querySelector("button");
  const problem = opener.querySelector("[role=alert]");
  button.setAttribute("aria-busy", "true");
  problem.textContent = "";
  try {
    const answer = await fetch(opener.dataset.setup, { method: "POST", body: new URLSearchParams(new FormData(opener)) });
    if (!answer.ok) throw new Error("setup");
    const setup = await answer.json();
    const shown = await form(setup, opener.querySelector(".provider"), document.documentElement.lang);
    opener.querySelector(".mandate").textContent = setup.mandate ?? "";
    ask(shown, button, problem);
  } catch {
    opener.submit(); // the provider's own page does without a script
  } finally {
    button.removeAttribute("aria-busy");
  }
});

/** Turn the button into the one that saves what was entered. */
function ask(shown, opened, problem) {
  const save = Object.assign(document.createElement("button"), { className: "action", type: "button", textContent: opener.dataset.save });
  opened.replaceWith(save);
  save.addEventListener("click", async () => {
    if (save.getAttribute("aria-busy") === "true") return;
    save.setAttribute("aria-busy", "true");
    problem.textContent = "";
    try {
      const { kind, token } = await shown.said();
      opener.querySelector("[name=method]").value = `${kind}:${token}`;
      opener.action = opener.dataset.add;
      opener.submit();
    } catch (error) {
      problem.textContent = error.said ?? opener.dataset.failed;
      save.removeAttribute("aria-busy");
    }
  });
}
