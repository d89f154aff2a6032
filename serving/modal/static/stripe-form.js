// The payment provider's own form, and what its customers confirm: its script is loaded from the provider, and only where
// a card or an account is entered or a payment confirmed.

const loading = {};

/** The provider's library of one account. */
async function library({ script, publishable_key }) {
  loading[script] ??= new Promise((resolve, reject) => {
    const tag = document.createElement("script");
    Object.assign(tag, { src: script, onload: resolve, onerror: () => reject(new Error("script")) });
    document.head.append(tag);
  });
  await loading[script];
  return window.Stripe(publishable_key);
}

/** Show the form in a place of the page; `said()` completes it and gives the method that was set up. */
export async function form({ form, client_secret }, place, locale) {
  const stripe = await library(form);
  const elements = stripe.elements({ clientSecret: client_secret, locale });
  elements.create("payment").mount(place);
  return {
    async said() {
      const { error, setupIntent } = await stripe.confirmSetup({
        elements,
        redirect: "if_required",
        confirmParams: { return_url: location.href },
      });
      if (error) throw Object.assign(new Error(error.code), { said: error.message });
      return { kind: "any", token: setupIntent.id };
    },
  };
}

/** Let the customer confirm a payment (3-D Secure); whatever comes of it, the service asks the provider. */
export async function confirmPayment(form, { client_secret }) {
  const stripe = await library(form);
  await stripe.handleNextAction({ clientSecret: client_secret });
}
