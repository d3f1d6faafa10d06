const REFUSED = [401, 403];

/**
 * The schema as this server tells it. Where it does not tell it to everybody, whoever opens the page is asked for a token
 * with the scope `explorer`, which is kept in memory only.
 */
export async function readSchema(place: HTMLElement): Promise<string> {
  let answer = await fetch("/schema.graphql");
  while (REFUSED.includes(answer.status)) {
    const token = await askForToken(place);
    answer = await fetch("/schema.graphql", { headers: { Authorization: `Bearer ${token}` } });
  }
  if (!answer.ok) {
    const words = `The schema cannot be read at the moment (${answer.status}). Load the page again.`;
    place.replaceChildren(Object.assign(document.createElement("p"), { textContent: words, role: "alert" }));
    throw new Error(words);
  }
  place.replaceChildren();
  return answer.text();
}

function askForToken(place: HTMLElement): Promise<string> {
  const form = document.createElement("form");
  form.className = "schema-token";
  const label = document.createElement("label");
  label.textContent = "This server shows its schema to tokens with the scope explorer. Token: ";
  const field = Object.assign(document.createElement("input"), { type: "password", required: true, autocomplete: "off" });
  const button = Object.assign(document.createElement("button"), { textContent: "Open" });
  label.append(field);
  form.append(label, button);
  place.replaceChildren(form);
  field.focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      resolve(field.value.trim());
    });
  });
}
