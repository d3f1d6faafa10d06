import type { OrderFieldsFragment } from "../gql/graphql";
import type { Change } from "./delivery";
import type { Delivery, Line } from "./shop";

interface Props {
  readonly order: OrderFieldsFragment | null;
  readonly basket: readonly Line[];
  readonly deliveries: readonly Delivery[];
  readonly change: Change;
  /** Whether the delivery may be changed now; otherwise it is shown among the lines. */
  readonly isOpen: boolean;
  readonly onDeliver: (name: string) => void;
}

/** What is bought. The lines are the shop's own; the amount is what the server will charge. */
export function Order({ order, basket, deliveries, change, isOpen, onDeliver }: Props) {
  if (order === null) {
    return (
      <section className="order" aria-label="Your order" aria-busy="true">
        <p className="due-label">Amount due</p>
        <p className="due ghost">&nbsp;</p>
      </section>
    );
  }
  const { total, amountDue } = order;
  const line = new Intl.NumberFormat(undefined, { style: "currency", currency: total.currency });
  const price = (amount: number) => line.format(amount / 10 ** total.exponent);
  const goods = basket.reduce((sum, { amount }) => sum + amount, 0);
  const agreed = deliveries.find(({ amount }) => goods + amount === total.amount);
  return (
    <section className="order" aria-label="Your order">
      <p className="due-label">{amountDue.amount === 0 ? "Order total" : "Amount due"}</p>
      <p className="due" data-testid="due" aria-live="polite">
        {amountDue.amount === 0 ? total.formatted : amountDue.formatted}
      </p>
      <ul className="lines">
        {basket.map((item) => (
          <li key={item.title}>
            <span className="count" aria-label={`${item.count} times`}>
              {item.count}×
            </span>
            <span>{item.title}</span>
            <span className="price">{price(item.amount)}</span>
          </li>
        ))}
        {agreed && (
          <li>
            <span />
            <span>{agreed.title}</span>
            <span className="price">{agreed.amount === 0 ? "Free" : price(agreed.amount)}</span>
          </li>
        )}
        <li className="total">
          <span>Total</span>
          <span className="price">{total.formatted}</span>
        </li>
      </ul>
      {change.refusal && (
        <p className="problem" role="alert">
          {change.refusal}
        </p>
      )}
      {isOpen && deliveries.length > 0 && (
        <fieldset className="delivery" aria-busy={change.to !== null}>
          <legend>Delivery</legend>
          {deliveries.map(({ name, title, amount }) => (
            <label key={name} className="card">
              <input
                type="radio"
                name="delivery"
                value={name}
                checked={name === (change.to ?? agreed?.name)}
                onChange={() => onDeliver(name)}
              />
              <span className="card-name">{title}</span>
              <span className="price">{amount === 0 ? "Free" : `+${price(amount)}`}</span>
            </label>
          ))}
        </fieldset>
      )}
      {order.externalId && <p className="number">Order {order.externalId}</p>}
    </section>
  );
}
