// The organisation page: gives the modal a new token when the old one has run out, and opens it at the plan of a link.

/** The page itself carries a fresh token each time it is asked for. */
async function freshToken() {
  const response = await fetch(location.href, { cache: "no-store" });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return page.querySelector("plan-modal")?.getAttribute("token");
}

document.addEventListener("plan-modal:token-expired", ({ detail }) => detail.respondWith(freshToken()));

const named = document.querySelector("plan-modal[plan]");
if (named) customElements.whenDefined("plan-modal").then(() => named.open(named.querySelector("a")));
