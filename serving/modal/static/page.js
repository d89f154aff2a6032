// The organisation page: gives the modal a new token when the old one has run out, opens it at the plan of a link, and
// shows what has changed once a change was made.

/** The page as the service would show it now; it carries a fresh token. */
async function now() {
  const response = await fetch(location.href, { cache: "no-store" });
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

document.addEventListener("plan-modal:token-expired", ({ detail }) => {
  detail.respondWith(now().then((page) => page.querySelector("plan-modal")?.getAttribute("token")));
});

/** Show what has changed, at once: a change may succeed after its reader has closed the dialog. */
async function refresh({ target }) {
  const page = await now();
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
    if (fresh) part.replaceWith(document.adoptNode(fresh));
  }
  target.setAttribute("interval", page.querySelector("plan-modal").getAttribute("interval"));
}

document.addEventListener("plan-modal:success", refresh);
document.addEventListener("plan-modal:close", (event) => event.detail.reason === "changed" && refresh(event));

const named = document.querySelector("plan-modal[plan]");
if (named) customElements.whenDefined("plan-modal").then(() => named.open(named.querySelector("a")));
