import type { OrderFieldsFragment } from "../gql/graphql";
import type { Line } from "./shop";

interface Props {
  readonly order: OrderFieldsFragment | null;
  readonly basket: readonly Line[];
}

/** What is bought. The lines are the shop's own; the amount is what the server will charge. */
export function Order({ order, basket }: Props) {
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
  return (
    <section className="order" aria-label="Your order">
      <p className="due-label">{amountDue.amount === 0 ? "Order total" : "Amount due"}</p>
      <p className="due" data-testid="due">
        {amountDue.amount === 0 ? total.formatted : amountDue.formatted}
      </p>
      <ul className="lines">
        {basket.map((item) => (
          <li key={item.title}>
            <span className="count" aria-label={`${item.count} times`}>
              {item.count}×
            </span>
            <span>{item.title}</span>
            <span className="price">{line.format(item.amount / 10 ** total.exponent)}</span>
          </li>
        ))}
        <li className="total">
          <span>Total</span>
          <span className="price">{total.formatted}</span>
        </li>
      </ul>
      {order.externalId && <p className="number">Order {order.externalId}</p>}
    </section>
  );
}
