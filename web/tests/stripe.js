// As much of Stripe.js as the Payment Element needs. Its form asks for nothing: the test names a test method.
(() => {
  const nothing = () => undefined;
  const element = {
    mount: (place) => place.append("Stripe's form"),
    on: nothing,
    once: nothing,
    off: nothing,
    update: nothing,
    unmount: nothing,
    destroy: nothing,
  };
  window.Stripe = (key) => {
    let secret = "";
    return {
      elements: ({ clientSecret }) => {
        secret = clientSecret;
        const fetchUpdates = async () => void (window.updates = (window.updates ?? 0) + 1);
        return { create: () => element, getElement: () => element, fetchUpdates, update: nothing, on: nothing, off: nothing };
      },
      createToken: nothing,
      createPaymentMethod: nothing,
      confirmCardPayment: nothing,
      registerAppInfo: nothing,
      _registerWrapper: nothing,
      handleNextAction: async ({ clientSecret }) => {
        window.handled = clientSecret;
        return {};
      },
      confirmPayment: async ({ confirmParams }) => {
        const [intent] = secret.split("_secret_");
        const answer = await fetch(`https://api.stripe.com/v1/payment_intents/${intent}/confirm`, {
          method: "POST",
          body: new URLSearchParams({ ...confirmParams, key, client_secret: secret, payment_method: window.method }),
        });
        const { error } = await answer.json();
        return error ? { error } : {};
      },
    };
  };
})();
