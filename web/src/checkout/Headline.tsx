import { type ReactNode, useEffect, useRef } from "react";

interface Props {
  readonly title: string;
  readonly tone: "good" | "bad" | "ask";
  readonly children: ReactNode;
}

/** A state of the payment with what can be done about it; its title takes the focus. */
export function Headline({ title, tone, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <div className={`state ${tone}`}>
      <svg className="sign" viewBox="0 0 24 24" aria-hidden="true">
        <path d={SIGNS[tone]} />
      </svg>
      <h1 tabIndex={-1} ref={heading}>
        {title}
      </h1>
      {children}
    </div>
  );
}

const SIGNS = {
  good: "M5 12.5l4.5 4.5L19 7.5",
  bad: "M12 6v7 M12 17v.5",
  ask: "M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.5-7-10V6z",
} as const;
