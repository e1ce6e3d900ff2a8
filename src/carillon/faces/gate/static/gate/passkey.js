// Passkeys: the browser makes or shows one, the form sends what it said.
const form = document.querySelector("form[data-passkey]");
const problem = form.querySelector("[data-problem]");
const answer = form.querySelector("input[name=credential]");

async function ask() {
  const options = JSON.parse(form.dataset.options).publicKey;
  if (form.dataset.passkey === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.hidden = true;
  try {
    const credential = await ask();
    answer.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch {
    problem.hidden = false;
  }
});
