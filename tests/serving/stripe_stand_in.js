// Stands in for stripe.js: a field for a number, and a window of the bank in the page.
const call = (path, body) => fetch(`ORIGIN/stand-in/${path}`, { method: "POST", body: JSON.stringify(body) }).then((answer) => answer.json());
window.Stripe = (key) => ({
  elements: ({ clientSecret }) => {
    const input = document.createElement("input");
    input.setAttribute("aria-label", "Card or IBAN");
    return { clientSecret, input, create: () => ({ mount: (place) => place.replaceChildren(input) }) };
  },
  confirmSetup: async ({ elements }) => call("setup", { secret: elements.clientSecret, number: elements.input.value, key }),
  handleNextAction: ({ clientSecret }) =>
    new Promise((resolve) => {
      const bank = document.createElement("div");
      bank.setAttribute("role", "dialog");
      bank.setAttribute("aria-label", "Bank");
      for (const name of ["Authenticate", "Refuse"]) {
        const button = document.createElement("button");
        button.textContent = name;
        button.onclick = () => call("bank", { secret: clientSecret, agrees: name === "Authenticate" }).then(() => (bank.remove(), resolve({})));
        bank.append(button);
      }
      document.body.append(bank);
    }),
});
