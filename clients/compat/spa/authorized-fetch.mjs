// fetch with the caller's token, which is asked for anew, once, when the server takes it no longer. `token(renew)` is the
// page's own: it keeps the token in memory, and with `renew` fetches another one from the shop.
export const authorizedFetch = (token) => async (input, init = {}) => {
  const send = async (renew) => {
    const headers = new Headers(init.headers)
    headers.set('Authorization', `Bearer ${await token(renew)}`)
    return fetch(input, { ...init, headers })
  }
  const response = await send(false)
  return response.status === 401 ? send(true) : response
}
